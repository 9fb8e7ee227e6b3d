import TocsinLinux

/// Where descriptors outlive the process that opened them: what the kernel records meanwhile is not lost.
///
/// A name carries the version of what is behind it, as in `fanotify-exec-v1`: whoever cannot make use of that does not
/// know the name, and begins anew.
package protocol DescriptorKeeping: Sendable {
    /// What an earlier process kept under this name; the second call finds nothing. It stays kept.
    func takeKept(_ name: String) -> FileDescriptor?

    /// Keeps a duplicate under this name, instead of whatever was kept there.
    func keep(_ descriptor: borrowing FileDescriptor, as name: String)

    /// Keeps nothing under this name any longer.
    func forget(_ name: String)
}
