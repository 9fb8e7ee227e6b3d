import Glibc
import Synchronization

/// This machine's names for numbers: local time, users, signals.
package enum LocalNames {
    /// `Nov 22 22:15:33.123`, as the journal writes it, in local time.
    package static func timestamp(_ realtimeUSec: UInt64) -> String {
        var seconds = time_t(realtimeUSec / 1_000_000)
        var parts = tm()
        guard localtime_r(&seconds, &parts) != nil else { return "?" }
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        return months[Int(parts.tm_mon)] + " " + digits(parts.tm_mday, 2) + " " + digits(parts.tm_hour, 2) + ":"
            + digits(parts.tm_min, 2) + ":" + digits(parts.tm_sec, 2) + "."
            + digits(Int32(realtimeUSec / 1000 % 1000), 3)
    }

    /// The user's name, else the number. Asked once for each user: the answer may come from the network.
    package static func user(_ uid: UInt32) -> String {
        userNames.withLock { names in
            if let name = names[uid] { return name }
            let name = lookUp(user: uid) ?? "\(uid)"
            // Containers may bring any number of users.
            if names.count < 10_000 { names[uid] = name }
            return name
        }
    }

    /// `KILL`, without `SIG`.
    package static func signal(_ number: Int32) -> String? { signalNames.first { $0.number == number }?.name }

    /// The number of a user, given by name or number.
    package static func uid(_ text: String) -> UInt32? {
        if let number = UInt32(text) { return number }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16384) { buffer in
            var entry = passwd()
            var found: UnsafeMutablePointer<passwd>?
            guard let address = buffer.baseAddress, getpwnam_r(text, &entry, address, buffer.count, &found) == 0,
                found != nil
            else {
                return nil
            }
            return entry.pw_uid
        }
    }

    // MARK: Private

    /// Their numbers differ between architectures.
    private static let signalNames: [(number: Int32, name: String)] = [
        (SIGHUP, "HUP"), (SIGINT, "INT"), (SIGQUIT, "QUIT"), (SIGILL, "ILL"), (SIGTRAP, "TRAP"), (SIGABRT, "ABRT"),
        (SIGBUS, "BUS"), (SIGFPE, "FPE"), (SIGKILL, "KILL"), (SIGUSR1, "USR1"), (SIGSEGV, "SEGV"), (SIGUSR2, "USR2"),
        (SIGPIPE, "PIPE"), (SIGALRM, "ALRM"), (SIGTERM, "TERM"), (SIGXCPU, "XCPU"), (SIGXFSZ, "XFSZ"),
        (SIGVTALRM, "VTALRM"), (SIGPROF, "PROF"), (SIGSYS, "SYS"),
    ]

    private static let userNames = Mutex<[UInt32: String]>([:])

    private static func lookUp(user: UInt32) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16384) { buffer in
            var entry = passwd()
            var found: UnsafeMutablePointer<passwd>?
            // The entry points into the buffer.
            guard let address = buffer.baseAddress, getpwuid_r(user, &entry, address, buffer.count, &found) == 0,
                found != nil,
                let name = entry.pw_name
            else { return nil }
            return String(cString: name)
        }
    }

    private static func digits(_ value: Int32, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
}
