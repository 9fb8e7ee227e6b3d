import CTocsinLinux
import Glibc

/// Mapped memory; unmapped at the end of its life. Not tied to the descriptor it was made from.
package struct MemoryMapping: ~Copyable, @unchecked Sendable {
    // @unchecked: the memory may be shared with other processes anyway, so whoever uses it has to order accesses
    // (one writer, atomics) whatever the compiler knows.

    /// Valid while this owner lives. Writing where it was mapped read-only is SIGSEGV.
    package let bytes: UnsafeMutableRawBufferPointer

    /// Maps `byteCount` bytes from `offset`, a multiple of the page size, shared with every other mapping of the same.
    package init(_ descriptor: borrowing FileDescriptor, at offset: Int = 0, byteCount: Int, writable: Bool)
        throws(SystemError)
    {
        let protection = writable ? PROT_READ | PROT_WRITE : PROT_READ
        let address = mmap(nil, byteCount, protection, MAP_SHARED, descriptor.rawValue, off_t(offset))
        guard let address, tocsin_is_map_failed(address) == 0 else {
            throw SystemError(operation: "mmap", code: errno)
        }
        bytes = UnsafeMutableRawBufferPointer(start: address, count: byteCount)
    }

    deinit { munmap(bytes.baseAddress, bytes.count) }

    /// Bytes of a page: what offsets are multiples of.
    package static let pageSize = sysconf(Int32(_SC_PAGESIZE))
}
