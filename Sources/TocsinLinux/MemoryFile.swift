import CTocsinLinux
import Glibc

/// A file that is memory (`memfd_create(2)`), to be mapped, sealed, and handed to another process or to systemd's
/// descriptor store.
package struct MemoryFile: ~Copyable, Sendable {
    package let descriptor: FileDescriptor

    package struct Seals: OptionSet, Hashable, Sendable {
        package let rawValue: Int32
        package init(rawValue: Int32) { self.rawValue = rawValue }

        package static let seal = Seals(rawValue: tocsin_F_SEAL_SEAL)
        package static let shrink = Seals(rawValue: tocsin_F_SEAL_SHRINK)
        package static let grow = Seals(rawValue: tocsin_F_SEAL_GROW)
        package static let write = Seals(rawValue: tocsin_F_SEAL_WRITE)
        /// No new writable mapping; existing ones keep writing. Since 5.1.
        package static let futureWrite = Seals(rawValue: tocsin_F_SEAL_FUTURE_WRITE)
    }

    /// Creates `byteCount` zero bytes. `name` is only seen in /proc.
    package init(name: String, byteCount: Int) throws(SystemError) {
        let created = FileDescriptor(owning: try syscall("memfd_create") { tocsin_memfd_create(name) })
        try syscall("ftruncate") { ftruncate(created.rawValue, off_t(byteCount)) }
        descriptor = created
    }

    /// Takes over a descriptor that came from elsewhere, which may be anything: check `seals` and `byteCount` before
    /// mapping. Without `shrink` sealed, whoever holds it too can make an access to the mapping fault.
    package init(adopting descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

    package func byteCount() throws(SystemError) -> Int { Int(try descriptor.status().size) }

    /// Throws EINVAL where the file cannot be sealed, as any that is no memfd.
    package func seals() throws(SystemError) -> Seals {
        Seals(rawValue: try syscall("F_GET_SEALS") { tocsin_fcntl(descriptor.rawValue, tocsin_F_GET_SEALS, 0) })
    }

    package func add(_ seals: Seals) throws(SystemError) {
        try syscall("F_ADD_SEALS") { tocsin_fcntl(descriptor.rawValue, tocsin_F_ADD_SEALS, seals.rawValue) }
    }

    /// Maps the first `byteCount` bytes, shared with every other mapping of the file.
    package func map(byteCount: Int, writable: Bool) throws(SystemError) -> MemoryMapping {
        try MemoryMapping(descriptor, byteCount: byteCount, writable: writable)
    }
}
