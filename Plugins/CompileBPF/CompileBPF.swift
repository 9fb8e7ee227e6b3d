import Foundation
import PackagePlugin

/// Compiles the probes with the toolchain's own clang and makes a Swift source of the object, so that the probes are
/// part of the binary and `swift build` is the whole build.
///
/// Generated C would be the obvious way; SwiftPM does not compile it in targets of C.
@main
struct CompileBPF: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        guard let probes = target.recursiveTargetDependencies.first(where: { $0.name == "CTocsinProbes" }) else {
            Diagnostics.error("\(target.name) does not depend on CTocsinProbes")
            return []
        }
        let sources = probes.directoryURL.appending(path: "bpf")
        let headers = probes.directoryURL.appending(path: "include")
        let source = sources.appending(path: "tocsin.bpf.c")
        let object = context.pluginWorkDirectoryURL.appending(path: "tocsin.bpf.o")
        let embedded = context.pluginWorkDirectoryURL.appending(path: "ProbeObject.swift")
        let compiler = [
            try context.tool(named: "clang").url.path(), "-target", "bpf",
            // With the 32-bit instructions of later versions, clang narrows bounds in ways that the verifiers of older
            // kernels cannot follow.
            "-mcpu=v2",
            "-O2", "-g", "-Wall", "-Wextra", "-Wpadded", "-Werror",
            "-I", headers.path(), "-I", "/usr/include/\(architecture)-linux-gnu",
            "-c", source.path(), "-o", object.path(),
        ]
        // One command: an object that is a declared output would be copied as a resource. Words, not bytes, because the
        // Swift compiler takes seconds for an array of as many bytes.
        let script = """
            set -e
            object=$1 embedded=$2 strip=$3
            shift 3
            "$@"
            "$strip" --strip-debug "$object"
            {
                echo "enum ProbeObject {"
                echo "    static let byteCount = $(stat -c %s "$object")"
                echo "    static let words: [UInt64] = ["
                od -An -v -w32 -tx8 "$object" | sed 's/ \\([0-9a-f]*\\)/0x\\1, /g'
                echo "    ]"
                echo "}"
            } >"$embedded"
            """
        return [
            .buildCommand(
                displayName: "Compiling \(source.lastPathComponent)", executable: URL(filePath: "/bin/sh"),
                arguments: [
                    "-c", script, "sh", object.path(), embedded.path(),
                    try context.tool(named: "llvm-objcopy").url.path(),
                ] + compiler,
                inputFiles: [
                    source, sources.appending(path: "kernel_types.h"), headers.appending(path: "probe_event.h"),
                ],
                outputFiles: [embedded])
        ]
    }

    /// Where Debian and its descendants keep the `asm` headers.
    private var architecture: String {
        #if arch(arm64)
        "aarch64"
        #else
        "x86_64"
        #endif
    }
}
