import Glibc

/// Users and groups by name, from wherever nsswitch.conf(5) says.
package enum UserDatabase {
    /// nil where there is no such group. `getgrnam_r(3)`.
    package static func group(named name: String) throws(SystemError) -> UInt32? {
        // An entry holds the names of all members, so it has no natural size.
        var size = 4096
        while true {
            var entry = Glibc.group()
            var found: UnsafeMutablePointer<Glibc.group>?
            let code = withUnsafeTemporaryAllocation(of: CChar.self, capacity: size) {
                getgrnam_r(name, &entry, $0.baseAddress!, size, &found)
            }
            if code == ERANGE, size < 1 << 20 {
                size *= 4
                continue
            }
            guard code == 0 else { throw SystemError(operation: "getgrnam_r", code: code) }
            return found == nil ? nil : entry.gr_gid
        }
    }

    /// Whom this process acts as.
    package static var currentUID: UInt32 { geteuid() }
    package static var isRoot: Bool { currentUID == 0 }
}
