/// A message to the service manager, sd_notify(3): assignments, one a line.
package struct ServiceState: Hashable, Sendable {
    package private(set) var text: String

    private init(_ lines: String...) { text = lines.joined(separator: "\n") }

    /// Start-up, or a reload, is complete.
    package static func ready(status: String) -> ServiceState {
        ServiceState("READY=1", statusLine(status))
    }

    /// - Parameter monotonicUSec: `CLOCK_MONOTONIC` now. Type=notify-reload (since 253) wants it; 252 ignores it.
    package static func reloading(monotonicUSec: UInt64) -> ServiceState {
        ServiceState("RELOADING=1", "MONOTONIC_USEC=\(monotonicUSec)")
    }

    package static func stopping(status: String) -> ServiceState {
        ServiceState("STOPPING=1", statusLine(status))
    }

    package static func status(_ text: String) -> ServiceState { ServiceState(statusLine(text)) }

    package static let watchdog = ServiceState("WATCHDOG=1")

    /// Asks for more time to start, to reload or to stop.
    package static func extendTimeout(microseconds: UInt64) -> ServiceState {
        ServiceState("EXTEND_TIMEOUT_USEC=\(microseconds)")
    }

    /// Keeps the descriptors sent along, under `name`. Without polling: systemd would drop a descriptor that reports
    /// EPOLLHUP, and one that is readable is no news.
    static func store(_ name: DescriptorName) -> ServiceState {
        ServiceState("FDSTORE=1", "FDNAME=\(name.text)", "FDPOLL=0")
    }

    /// Drops every stored descriptor of that name.
    static func removeStored(_ name: DescriptorName) -> ServiceState {
        ServiceState("FDSTOREREMOVE=1", "FDNAME=\(name.text)")
    }

    /// One line, or the rest would be read as assignments of its own.
    private static func statusLine(_ text: String) -> String {
        var bytes: [UInt8] = []
        bytes.appendPrintable(text.utf8, limit: 512)
        return "STATUS=" + String(decoding: bytes, as: UTF8.self)
    }
}

/// The name of a descriptor in LISTEN_FDNAMES: 1 to 255 printable ASCII characters without a colon.
package struct DescriptorName: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    package init?(_ text: String) {
        guard (1...255).contains(text.utf8.count),
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") })
        else { return nil }
        self.text = text
    }

    package var description: String { text }
}
