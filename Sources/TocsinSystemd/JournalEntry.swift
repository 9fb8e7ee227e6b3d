package import TocsinEvents

/// One entry of the journal: fields in the order they were added, in one buffer that the writer hands to the kernel.
///
/// Names follow systemd.journal-fields(7): upper-case letters, digits and underscores, and no leading underscore (those
/// are journald's own, which a client cannot set).
package struct JournalEntry: Sendable, Hashable {
    /// `NAME=value` after `NAME=value`, without separators.
    package private(set) var bytes: [UInt8] = []
    /// Where each field ends in `bytes`.
    package private(set) var ends: [Int] = []

    /// Longest value, in bytes: a process may have 2 MiB of arguments, and the queue must stay small.
    package static let maximumValue = 16 * 1024
    /// Fields beyond this are left out; journald refuses entries of more than 1024.
    package static let maximumFields = 128
    /// systemd's own bound.
    package static let maximumName = 64

    package init(_ priority: Priority, _ id: MessageID?, reservingCapacity capacity: Int = 1024) {
        bytes.reserveCapacity(capacity)
        field("PRIORITY", priority.rawValue)
        if let id { field("MESSAGE_ID", id.rawValue) }
    }

    package mutating func field(_ name: StaticString, _ value: some Collection<UInt8>) {
        begin(name)
        bytes.appendPrintable(value, limit: Self.maximumValue)
        ends.append(bytes.count)
    }

    package mutating func field(_ name: StaticString, _ value: String?) {
        if let value { field(name, value.utf8) }
    }

    package mutating func field(_ name: StaticString, _ value: ByteString?) {
        if let value { field(name, value.bytes) }
    }

    package mutating func field(_ name: StaticString, _ value: (some FixedWidthInteger)?) {
        if let value { field(name, String(value).utf8) }
    }

    /// A name that comes from outside the program: it is made valid by `fieldName`; without anything left of it the
    /// field is dropped.
    package mutating func field(dynamic name: String, _ value: String) {
        guard ends.count < Self.maximumFields, let name = Self.fieldName(name) else { return }
        bytes.append(contentsOf: name)
        bytes.append(UInt8(ascii: "="))
        bytes.appendPrintable(value.utf8, limit: Self.maximumValue)
        ends.append(bytes.count)
    }

    /// A value that is printable already.
    package mutating func field(_ name: StaticString, printable value: [UInt8]) {
        begin(name)
        bytes.append(contentsOf: value)
        ends.append(bytes.count)
    }

    private mutating func begin(_ name: StaticString) {
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(UInt8(ascii: "="))
    }

    /// The first value of a field; for the sink that is not the journal, and for tests.
    package func value(_ name: String) -> ArraySlice<UInt8>? {
        let prefix = Array(name.utf8) + [UInt8(ascii: "=")]
        var start = 0
        for end in ends {
            let field = bytes[start..<end]
            if field.starts(with: prefix) { return field.dropFirst(prefix.count) }
            start = end
        }
        return nil
    }

    /// `ruleID`, `rule-id` and `rule.id` become `RULE_ID`. nil where nothing usable is left.
    package static func fieldName(_ key: String) -> [UInt8]? {
        var name: [UInt8] = []
        var afterLowercase = false
        for byte in key.utf8 {
            guard name.count < maximumName else { break }
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"):
                name.append(byte - 0x20)
                afterLowercase = true
            case UInt8(ascii: "A")...UInt8(ascii: "Z"):
                if afterLowercase { name.append(UInt8(ascii: "_")) }
                name.append(byte)
                afterLowercase = false
            case UInt8(ascii: "0")...UInt8(ascii: "9") where !name.isEmpty:
                name.append(byte)
                afterLowercase = true
            default:
                if !name.isEmpty, name.last != UInt8(ascii: "_") { name.append(UInt8(ascii: "_")) }
                afterLowercase = false
            }
        }
        while name.last == UInt8(ascii: "_") { name.removeLast() }
        return name.isEmpty ? nil : Array(name.prefix(maximumName))
    }
}

/// syslog(3) levels.
package enum Priority: UInt8, Sendable, Hashable, CaseIterable {
    case emergency, alert, critical, error, warning, notice, info, debug

    package init(_ severity: Severity) {
        self =
            switch severity {
            case .critical: .critical
            case .high: .error
            case .medium: .warning
            case .low: .notice
            case .informational: .info
            }
    }
}
