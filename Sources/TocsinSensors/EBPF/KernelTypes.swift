import TocsinLinux

/// Some of the running kernel's types, for libbpf to find the members in that the probes read (CO-RE).
///
/// Left alone, libbpf reads all of `/sys/kernel/btf/vmlinux` for that, copies it, and makes a table of all types: eight
/// megabytes, of which some sixty kilobytes matter.
struct KernelTypes: ~Copyable {
    private let file: MemoryFile

    /// nil where the kernel does not describe its types there, or in a way that is not known here: then libbpf may find
    /// another place, or say what is wrong.
    init?(of names: TypeNames) {
        do {
            let kernel = try FileDescriptor.open("/sys/kernel/btf/vmlinux")
            let excerpt = try BTFExcerpt.make(of: names) { offset, count in
                (try? kernel.read(count: count, at: offset)) ?? []
            }
            let file = try MemoryFile(name: "kernel-types", byteCount: 0)
            try file.descriptor.writeAll(excerpt)
            self.file = file
        } catch { return nil }
    }

    /// libbpf takes a path, not a descriptor. There for as long as this is.
    var path: String { "/proc/self/fd/\(file.descriptor.rawValue)" }
}
