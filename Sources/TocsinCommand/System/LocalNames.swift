import Glibc
import Synchronization

/// This machine's names for numbers: local time, users, signals.
package enum LocalNames {
    /// `Nov 22 22:15:33.123`, as the journal writes it, in local time.
    package static func timestamp(_ realtimeUSec: UInt64) -> String {
        var seconds = time_t(realtimeUSec / 1_000_000)
        var parts = tm()
        guard localtime_r(&seconds, &parts) != nil else { return "?" }
        return String(unsafeUninitializedCapacity: 19) { text in
            // From the end: each number is written with its digits and what stands before it.
            var place = 19
            func put(_ byte: UInt8) {
                place -= 1
                text.initializeElement(at: place, to: byte)
            }
            func put(_ separator: Unicode.Scalar, _ value: CInt, digits: Int) {
                var rest = value
                for _ in 0..<digits {
                    put(UInt8(ascii: "0") + UInt8(rest % 10))
                    rest /= 10
                }
                put(UInt8(ascii: separator))
            }
            put(".", CInt(realtimeUSec / 1000 % 1000), digits: 3)
            put(":", parts.tm_sec, digits: 2)
            put(":", parts.tm_min, digits: 2)
            put(" ", parts.tm_hour, digits: 2)
            put(" ", parts.tm_mday, digits: 2)
            for byte in months[Int(parts.tm_mon)].utf8.reversed() { put(byte) }
            return 19
        }
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

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

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
}
