import CLibBPF
import CTocsinProbes
import Glibc
import TocsinDoctor
import TocsinLinux

/// The probes in the hands of libbpf: opened, set up, loaded into the kernel, attached.
///
/// Owns what libbpf knows of them. Programs, maps and links live as long as any descriptor of theirs: the duplicates
/// that this gives away stay.
struct OpenedProbes: ~Copyable {
    let object: OpaquePointer
    private let log = LibraryLog()

    /// - Parameter path: a BTF for libbpf to find the kernel's types in when it loads; nil: it looks for them itself.
    init(typesAt path: String? = nil) throws(SourceError) {
        var options = bpf_object_open_opts()
        options.sz = MemoryLayout<bpf_object_open_opts>.size
        let opened = ProbeObject.words.withUnsafeBytes { bytes in
            // libbpf keeps a copy.
            (path ?? "").withCString {
                options.btf_custom_path = path == nil ? nil : $0
                return bpf_object__open_mem(bytes.baseAddress, ProbeObject.byteCount, &options)
            }
        }
        guard let opened else { throw Self.refusal("open the probes", errno, log) }
        object = opened
    }

    deinit { bpf_object__close(object) }

    /// Loads them with an excerpt of what the kernel says of its types; where that does not do, with the whole.
    static func loaded(_ settings: probe_settings) throws(SourceError) -> OpenedProbes {
        if let types = KernelTypes(of: try OpenedProbes().typeNames), let probes = try? loaded(settings, with: types) {
            return probes
        }
        let probes = try OpenedProbes()
        try probes.load(settings)
        return probes
    }

    private static func loaded(_ settings: probe_settings, with types: borrowing KernelTypes) throws(SourceError)
        -> OpenedProbes
    {
        let probes = try OpenedProbes(typesAt: types.path)
        try probes.load(settings)
        return probes
    }

    func load(_ settings: probe_settings) throws(SourceError) {
        guard let ring = bpf_object__find_map_by_name(object, "ring"),
            let constants = bpf_object__find_map_by_name(object, ".rodata")
        else { throw Self.refusal("find the maps", ENOENT, log) }
        bpf_map__set_max_entries(ring, settings.ring_size)
        // `probe_settings` is all that the probes have in their section of constants.
        var settings = settings
        let set = bpf_map__set_initial_value(constants, &settings, MemoryLayout<probe_settings>.size)
        guard set == 0 else { throw Self.refusal("set up the probes", -set, log) }
        let loaded = bpf_object__load(object)
        guard loaded == 0 else { throw Self.refusal("load the probes", -loaded, log) }
    }

    /// Of all types that the compiler described in the probes: the kernel's, and some that the kernel does not have.
    var typeNames: TypeNames {
        var names = TypeNames()
        let types = bpf_object__btf(object)
        for number in 1..<max(1, btf__type_cnt(types)) {
            guard let type = btf__type_by_id(types, number), let kind = BTFKind(info: type.pointee.info),
                !kind.isNoType,
                let name = btf__name_by_offset(types, type.pointee.name_off)
            else { continue }
            names.insert(UnsafeRawBufferPointer(start: name, count: strlen(name)))
        }
        return names
    }

    func map(_ name: String) throws(SourceError) -> FileDescriptor {
        guard let map = bpf_object__find_map_by_name(object, name) else {
            throw Self.refusal("find the map \(name)", ENOENT, log)
        }
        return try Self.duplicate(bpf_map__fd(map))
    }

    /// The link: closed everywhere, it ends what was attached.
    func attach(_ name: String) throws(SourceError) -> FileDescriptor {
        guard let program = bpf_object__find_program_by_name(object, name), let link = bpf_program__attach(program)
        else { throw Self.refusal("attach \(name)", errno, log) }
        defer { bpf_link__destroy(link) }
        return try Self.duplicate(bpf_link__fd(link))
    }

    private static func duplicate(_ number: Int32) throws(SourceError) -> FileDescriptor {
        do throws(SystemError) {
            return try FileDescriptor.duplicate(of: number)
        } catch {
            throw SourceError(source: .ebpf, operation: error.operation, reason: error.reason)
        }
    }

    private static func refusal(_ operation: String, _ code: Int32, _ log: LibraryLog) -> SourceError {
        let diagnosis = EBPFDiagnosis(facts: .current())
        return SourceError(
            source: .ebpf, operation: operation, reason: diagnosis.reason(failure: code, log: log.text))
    }
}
