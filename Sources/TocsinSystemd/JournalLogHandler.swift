package import Logging

/// swift-log into the journal: constant messages, values as fields.
///
/// `ruleID` in the metadata becomes `TOCSIN_RULE_ID=`, so `journalctl TOCSIN_RULE_ID=…` finds it. The values also
/// follow the message, because `systemctl status` shows nothing else.
package struct JournalLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    package var logLevel: Logger.Level

    private let label: String
    private let writer: JournalWriter

    package init(label: String, writer: JournalWriter, logLevel: Logger.Level = .info) {
        self.label = label
        self.writer = writer
        self.logLevel = logLevel
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var values = metadata
        if let provided = metadataProvider?.get() { values.merge(provided) { $1 } }
        if let own = event.metadata { values.merge(own) { $1 } }
        if let error = event.error { values["error"] = "\(error)" }
        writer.submit(JournalEntry(event, metadata: values, label: label))
    }
}

extension Logger {
    /// Logs a kind of entry that the catalog explains.
    package func log(
        level: Logger.Level, _ id: MessageID, _ message: @autoclosure () -> Logger.Message,
        metadata: @autoclosure () -> Logger.Metadata = [:], file: String = #fileID, function: String = #function,
        line: UInt = #line
    ) {
        log(
            level: level, message(), metadata: metadata().merging([JournalEntry.messageIDKey: "\(id.rawValue)"]) { $1 },
            file: file, function: function, line: line)
    }
}

extension JournalEntry {
    /// Metadata of this key is the kind of the entry, and not shown.
    static let messageIDKey = "messageID"

    /// Metadata keys that are journal fields of their own, not ours. `objectPID` is the process that the entry is
    /// about: journald adds its unit, and the entry shows up there.
    private static let standardFields: [String: StaticString] = [
        messageIDKey: "MESSAGE_ID", "objectPID": "OBJECT_PID", "errno": "ERRNO",
    ]

    init(_ event: LogEvent, metadata: Logger.Metadata, label: String) {
        self.init(Priority(event.level), nil)
        let values = metadata.sorted { $0.key < $1.key }.map { (key: $0.key, value: "\($0.value)") }
        var message: [UInt8] = []
        message.appendPrintable("\(event.message)".utf8, limit: Self.maximumMessage)
        for (key, value) in values where key != Self.messageIDKey {
            guard message.count < Self.maximumMessage else { break }
            message.append(UInt8(ascii: " "))
            message.appendPrintable(key.utf8, limit: Self.maximumName)
            message.append(UInt8(ascii: "="))
            message.appendQuoted(value.utf8, limit: Self.maximumMessage)
        }
        field("MESSAGE", printable: message)
        for (key, value) in values {
            if let name = Self.standardFields[key] {
                field(name, value)
            } else {
                field(dynamic: "TOCSIN_" + key, value)
            }
        }
        field("TOCSIN_LOGGER", label)
        field("CODE_FILE", event.file)
        field("CODE_LINE", event.line)
        field("CODE_FUNC", event.function)
    }

    /// Of MESSAGE, in bytes: what people read in one line of a list. The fields have the rest.
    static let maximumMessage = 2048
}

extension Priority {
    init(_ level: Logger.Level) {
        self =
            switch level {
            case .trace, .debug: .debug
            case .info: .info
            case .notice: .notice
            case .warning: .warning
            case .error: .error
            case .critical: .critical
            }
    }
}
