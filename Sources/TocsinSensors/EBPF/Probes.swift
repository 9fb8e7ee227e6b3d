import CLibBPF
import CTocsinProbes
import TocsinLinux

/// The probes in the kernel, alive for as long as their descriptors are open somewhere.
///
/// Owns the descriptors. They may be duplicated into systemd's descriptor store: as long as links and maps are held
/// there the kernel goes on recording, and a later daemon takes them up with `init(adopting:)`.
package struct Probes: ~Copyable, Sendable {
    package let ring: FileDescriptor
    package let counters: FileDescriptor
    package let exitLink: FileDescriptor
    package let execLink: FileDescriptor
    package let forkLink: FileDescriptor
    /// Bytes.
    package let ringSize: Int
    package let scope: Scope

    /// Whose processes are recorded.
    package struct Scope: Hashable, Sendable {
        /// Inode number of the pid namespace that is recorded, by its numbers; nil: the machine.
        package var pidNamespace: UInt32?

        package init(pidNamespace: UInt32? = nil) { self.pidNamespace = pidNamespace }

        /// Names for a descriptor store, in the order of the members of `Probes`. Layout and namespace are part of
        /// them: who could not read what is there, or would read other numbers than its own, does not find it.
        var storedNames: [String] {
            let reach = pidNamespace.map { "ebpf\(PROBE_LAYOUT)-pid\($0)" } ?? "ebpf\(PROBE_LAYOUT)"
            return ["ring", "counters", "exit", "exec", "fork"].map { "\(reach)-\($0)" }
        }
    }

    /// The size that a ring gets: a power of two, of at least a page and at most 1 GiB.
    package static func roundedRingSize(_ wanted: Int) -> Int {
        var size = max(MemoryMapping.pageSize, 4096)
        while size < min(wanted, 1 << 30) { size *= 2 }
        return size
    }

    /// How old a record gets that nobody need be woken for, as long as others follow.
    package static let patience: Duration = .seconds(1)

    /// Loads and attaches: what happens after this returns is recorded. `ringSize` in bytes, see `roundedRingSize`.
    package init(ringSize: Int, scope: Scope = Scope(), patience: Duration = patience) throws(SourceError) {
        let size = Self.roundedRingSize(ringSize)
        let settings = probe_settings(
            pid_namespace: scope.pidNamespace ?? 0, ring_size: UInt32(size),
            patience_nsec: UInt64(patience / .nanoseconds(1)))
        let probes = try OpenedProbes.loaded(settings)
        let ring = try probes.map("ring")
        let counters = try probes.map("counters")
        // In this order whatever is known to begin is also known to end.
        let exitLink = try probes.attach("on_exit")
        let execLink = try probes.attach("on_exec")
        let forkLink = try probes.attach("on_fork")
        self.init(ring, counters, exitLink, execLink, forkLink, ringSize: size, scope: scope)
    }

    private init(
        _ ring: consuming FileDescriptor, _ counters: consuming FileDescriptor, _ exitLink: consuming FileDescriptor,
        _ execLink: consuming FileDescriptor, _ forkLink: consuming FileDescriptor, ringSize: Int, scope: Scope
    ) {
        self.ring = ring
        self.counters = counters
        self.exitLink = exitLink
        self.execLink = execLink
        self.forkLink = forkLink
        self.ringSize = ringSize
        self.scope = scope
    }

    /// Takes over what an earlier daemon left, in the order of `Scope.storedNames`.
    package init(
        adopting ring: consuming FileDescriptor, counters: consuming FileDescriptor, exitLink: consuming FileDescriptor,
        execLink: consuming FileDescriptor, forkLink: consuming FileDescriptor, scope: Scope = Scope()
    ) throws(SourceError) {
        var info = bpf_map_info()
        var size = UInt32(MemoryLayout<bpf_map_info>.size)
        let failed = bpf_obj_get_info_by_fd(ring.rawValue, &info, &size)
        guard failed == 0, info.type == BPF_MAP_TYPE_RINGBUF.rawValue else {
            throw SourceError(source: .ebpf, operation: "adopt the ring", reason: "the descriptor is no ring buffer")
        }
        self.init(ring, counters, exitLink, execLink, forkLink, ringSize: Int(info.max_entries), scope: scope)
    }

    /// What an earlier daemon had kept. nil where something is missing, or the ring has another size than is wanted
    /// now: then nothing stays kept.
    static func kept(in store: any DescriptorKeeping, ringSize: Int, scope: Scope) -> Probes? {
        let names = scope.storedNames
        guard let ring = store.takeKept(names[0]), let counters = store.takeKept(names[1]),
            let exit = store.takeKept(names[2]), let exec = store.takeKept(names[3]),
            let fork = store.takeKept(names[4]),
            let probes = try? Probes(
                adopting: ring, counters: counters, exitLink: exit, execLink: exec, forkLink: fork, scope: scope),
            probes.ringSize == roundedRingSize(ringSize)
        else {
            for name in names { store.forget(name) }
            return nil
        }
        return probes
    }

    func keep(in store: any DescriptorKeeping) {
        let names = scope.storedNames
        store.keep(ring, as: names[0])
        store.keep(counters, as: names[1])
        store.keep(exitLink, as: names[2])
        store.keep(execLink, as: names[3])
        store.keep(forkLink, as: names[4])
    }
}
