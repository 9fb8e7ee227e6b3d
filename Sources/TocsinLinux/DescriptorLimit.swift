import CTocsinLinux
import Glibc

/// How many descriptors this process may have open (`RLIMIT_NOFILE`).
package enum DescriptorLimit {
    /// Raises the soft limit to the hard one and returns it. The soft limit is 1,024 for the sake of select(2), which
    /// nothing here uses (systemd.exec(5)).
    @discardableResult
    package static func raise() throws(SystemError) -> UInt64 {
        var limit = rlimit()
        try syscall("getrlimit") { tocsin_get_descriptor_limit(&limit) }
        guard limit.rlim_cur < limit.rlim_max else { return UInt64(limit.rlim_cur) }
        limit.rlim_cur = limit.rlim_max
        try syscall("setrlimit") { tocsin_set_descriptor_limit(&limit) }
        return UInt64(limit.rlim_cur)
    }
}
