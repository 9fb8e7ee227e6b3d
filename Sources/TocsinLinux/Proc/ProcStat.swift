/// The members of `/proc/PID/stat` that are used here (`proc_pid_stat(5)`).
package struct ProcStat: Hashable, Sendable {
    package var pid: Int32
    /// At most 15 bytes; any byte but NUL, spaces and parentheses too.
    package var comm: [UInt8]
    /// A letter: `R`, `S`, `D`, `Z` for a zombie, …
    package var state: UInt8
    package var parentPid: Int32
    package var processGroup: Int32
    package var session: Int32
    /// Device number of the controlling terminal; 0 for none.
    package var tty: Int32
    /// `PF_…` of the kernel's include/linux/sched.h.
    package var flags: UInt32
    /// Clock ticks (10 ms) that its threads have run in user mode.
    package var userTicks: UInt64
    package var threadCount: Int32
    /// Clock ticks (10 ms) since boot.
    package var startTicks: UInt64
    package var image: Image

    /// Addresses of the running image: they change with every execve(2), mostly by the kernel's randomization.
    package struct Image: Hashable, Sendable {
        package var startCode: UInt64 = 0
        package var startStack: UInt64 = 0
        package var argumentStart: UInt64 = 0

        package init() {}

        /// Whether the reader may trace the process. Else the kernel writes 1 for the first address, 0 for the others.
        package var isVisible: Bool { startCode > 1 && startStack != 0 }

        /// Whether execve(2) has finished. Between the change of the executable and the end, when it has laid out
        /// stack and arguments, the new image has no addresses yet, and its command line reads empty.
        package var isComplete: Bool { startCode == 1 || isVisible }
    }

    /// Nanoseconds in a clock tick of /proc: USER_HZ is 100 on every architecture that Swift runs on.
    package static let nanosecondsPerTick: UInt64 = 10_000_000

    package var startTimeNSec: UInt64 { startTicks &* Self.nanosecondsPerTick }
    package var isZombie: Bool { state == UInt8(ascii: "Z") || state == UInt8(ascii: "X") }
    /// Its first thread waits for something that a signal could interrupt.
    package var isSleeping: Bool { state == UInt8(ascii: "S") }
    /// `PF_KTHREAD`
    package var isKernelThread: Bool { flags & 0x0020_0000 != 0 }
    /// `PF_EXITING`: on its way to become a zombie. Its image is gone, or goes any moment, and with it the command
    /// line.
    package var isExiting: Bool { flags & 0x0000_0004 != 0 }
    /// `PF_FORKNOEXEC`: forked, and nothing executed since.
    package var hasNotExecuted: Bool { flags & 0x0000_0040 != 0 }

    /// nil where the text is not what the man page says.
    package init?(parsing bytes: [UInt8]) {
        // comm may hold spaces and parentheses, so only the last ')' ends it.
        guard let open = bytes.firstIndex(of: UInt8(ascii: "(")), let close = bytes.lastIndex(of: UInt8(ascii: ")")),
            open > 1, open < close, let pid = Int32(decimal: bytes[..<(open - 1)])
        else { return nil }
        self.pid = pid
        comm = Array(bytes[(open + 1)..<close])

        // Fields are numbered as in the man page; the third follows ") ".
        var state: UInt8?
        var (parent, group, session, tty): (Int32?, Int32?, Int32?, Int32?)
        var flags: UInt32?
        var (userTicks, start): (UInt64?, UInt64?)
        var threadCount: Int32?
        var image = Image()
        var field = 3
        var rest = bytes[(close + 1)...].dropFirst()
        while !rest.isEmpty, field <= 48 {
            let end = rest.firstIndex { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") } ?? rest.endIndex
            let text = rest[rest.startIndex..<end]
            switch field {
            case 3: state = text.first
            case 4: parent = Int32(decimal: text)
            case 5: group = Int32(decimal: text)
            case 6: session = Int32(decimal: text)
            case 7: tty = Int32(decimal: text)
            case 9: flags = UInt32(decimal: text)
            case 14: userTicks = UInt64(decimal: text)
            case 20: threadCount = Int32(decimal: text)
            case 22: start = UInt64(decimal: text)
            case 26: image.startCode = UInt64(decimal: text) ?? 0
            case 28: image.startStack = UInt64(decimal: text) ?? 0
            case 48: image.argumentStart = UInt64(decimal: text) ?? 0
            default: break
            }
            field += 1
            rest = rest[end...].dropFirst()
        }
        guard let state, let parent, let group, let session, let tty, let flags, let userTicks,
            let threadCount, let start
        else { return nil }
        self.state = state
        parentPid = parent
        processGroup = group
        self.session = session
        self.tty = tty
        self.flags = flags
        self.userTicks = userTicks
        self.threadCount = threadCount
        startTicks = start
        self.image = image
    }
}

/// Real and effective ids from `/proc/PID/status`, as the reader's user namespace maps them.
package struct ProcStatus: Hashable, Sendable {
    package var uid: UInt32
    package var effectiveUid: UInt32
    package var gid: UInt32
    package var effectiveGid: UInt32

    /// nil where a line is missing.
    package init?(parsing bytes: [UInt8]) {
        // Name: is escaped by the kernel, so no process can forge a line.
        guard let uids = Self.ids("\nUid:\t", in: bytes), let gids = Self.ids("\nGid:\t", in: bytes) else { return nil }
        (uid, effectiveUid) = uids
        (gid, effectiveGid) = gids
    }

    private static func ids(_ name: StaticString, in bytes: [UInt8]) -> (UInt32, UInt32)? {
        let line = name.withUTF8Buffer { name in
            bytes.indices.first { bytes[$0] == name[0] && bytes[$0...].starts(with: name) }.map { $0 + name.count }
        }
        guard let line else { return nil }
        let fields = bytes[line...].prefix { $0 != UInt8(ascii: "\n") }.split(separator: UInt8(ascii: "\t"))
        guard fields.count >= 2, let real = UInt32(decimal: fields[0]), let effective = UInt32(decimal: fields[1])
        else { return nil }
        return (real, effective)
    }
}

extension FixedWidthInteger {
    /// Decimal digits and nothing else, but for a sign; nil where the number does not fit.
    package init?(decimal text: ArraySlice<UInt8>) {
        let negative = text.first == UInt8(ascii: "-")
        let digits = negative ? text.dropFirst() : text
        guard !digits.isEmpty, !negative || Self.isSigned else { return nil }
        var value: Self = 0
        for digit in digits {
            guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let unit = Self(truncatingIfNeeded: digit - UInt8(ascii: "0"))
            let (sum, carry) = negative ? tens.subtractingReportingOverflow(unit) : tens.addingReportingOverflow(unit)
            if overflow || carry { return nil }
            value = sum
        }
        self = value
    }
}
