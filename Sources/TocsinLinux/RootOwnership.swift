import Glibc

/// Whether root alone decides what is in a file that a daemon of root obeys. As sudo asks of sudoers: who may write
/// there is as good as root.
package enum RootOwnership {
    /// Why somebody else may write the file or directory; nil where nobody may.
    ///
    /// An access control list that lets others write shows in the bits of the group (acl(5)).
    package static func objection(owner: UInt32, group: UInt32, mode: UInt32) -> String? {
        let isWritable = mode & 0o002 != 0 || (group != 0 && mode & 0o020 != 0)
        // In a directory like /tmp others can add files, which are then theirs, and cannot replace root's.
        let isSticky = mode & S_IFMT == S_IFDIR && mode & S_ISVTX != 0
        guard owner != 0 || (isWritable && !isSticky) else { return nil }
        let digits = String(mode & 0o7777, radix: 8)
        let bits = String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
        return "others than root may write it (mode \(bits), owner \(owner), group \(group)): "
            + "chown root and chmod go-w"
    }
}

extension FileStatus {
    /// See `RootOwnership`.
    package var objection: String? { RootOwnership.objection(owner: uid, group: gid, mode: mode) }
}
