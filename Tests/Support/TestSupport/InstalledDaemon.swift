package import SystemdBox
package import TocsinClient

/// tocsin in a booted systemd, put there by `make install` and what a package's scripts do after it.
///
/// Owns the box. Programs of the box reach the daemon as they would on a machine: by its socket, as some user.
package struct InstalledDaemon {
    package static let configurationPath = "/etc/tocsin/tocsin.yaml"

    package let box: SystemdBox

    /// - Parameters:
    ///   - configuration: nil for the sample that is installed.
    ///   - settings: lines of a drop-in of the service.
    ///   - hasLimits: see `SystemdBox`.
    package init(configuration: String? = nil, settings: String? = nil, hasLimits: Bool = false) throws {
        box = try SystemdBox(hasLimits: hasLimits)
        try make("install")
        try succeeds("systemd-sysusers")
        try succeeds("journalctl", "--update-catalog")
        if let configuration { try box.write(Self.configurationPath, configuration) }
        if let settings {
            try succeeds("mkdir", "/etc/systemd/system/tocsin.service.d")
            try box.write("/etc/systemd/system/tocsin.service.d/test.conf", "[Service]\n\(settings)\n")
        }
        try succeeds("systemctl", "daemon-reload")
    }

    /// Runs one of the Makefile's targets on the files of the box.
    package func make(_ target: String) throws {
        let root = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let programs = try RunningDaemon.program.split(separator: "/").dropLast().joined(separator: "/")
        // Without what a make that runs these tests tells its children.
        let result = try Command([
            "env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "make", "-C", root, target, "RELEASE=/\(programs)",
            "DESTDIR=\(box.outside(""))",
        ]).run()
        guard result.status == 0 else { throw Command.Failure(description: "make \(target): \(result)") }
    }

    @discardableResult
    package func succeeds(_ arguments: String...) throws -> String {
        let result = try box.run(arguments)
        guard result.status == 0 else { throw Command.Failure(description: "\(arguments): \(result)") }
        return result.output
    }

    /// Starts a command as a transient service whose output goes to `/run/NAME.out`.
    package func start(_ name: String, _ command: String..., settings: [String] = []) throws {
        let result = try box.run(
            ["systemd-run", "--quiet", "--unit=\(name)", "--property=StandardOutput=file:/run/\(name).out"]
                + settings.map { "--property=\($0)" } + command)
        guard result.status == 0 else { throw Command.Failure(description: "\(command): \(result)") }
    }

    package func output(of name: String) throws -> String { try succeeds("cat", "/run/\(name).out") }

    /// From outside of the box, past systemd.
    package var client: TocsinClient { TocsinClient(socketPath: box.outside("/run/tocsin/tocsin.sock")) }

    package func property(_ name: String) throws -> String { try box.property(name, of: "tocsin.service") }

    /// The daemon's process, by its number outside the box.
    package func pidOutside() throws -> Int32 {
        // The last number of the line is that of the innermost namespace.
        let inside = try property("MainPID")
        let found = try Command(["sh", "-c", "grep -ls '^NSpid:.*[[:space:]]\(inside)$' /proc/[0-9]*/status"]).run()
        for path in found.output.split(separator: "\n") {
            let pid = path.split(separator: "/")[1]
            let same = try Command(["readlink", "/proc/\(pid)/ns/pid", "/proc/\(box.leader)/ns/pid"]).run().output
            let links = same.split(separator: "\n")
            if links.count == 2, links[0] == links[1], let number = Int32(pid) { return number }
        }
        throw Command.Failure(description: "no process has the number \(inside) in the box")
    }

    /// Waits until this many reads pend.
    package func pendingReads(_ count: Int) throws {
        try box.eventually("\(count) reads pend") {
            try box.run("tocsin", "status", "--format", "json").output.contains(#""pendingReads":\#(count),"#)
        }
    }
}
