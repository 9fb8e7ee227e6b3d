internal import TocsinEvents

/// Colour where it helps, nothing where it would be bytes in a file.
package struct Style: Sendable {
    package var isColoured: Bool

    package init(isColoured: Bool) { self.isColoured = isColoured }

    /// ECMA-48 "select graphic rendition" parameters; the eight basic colours, so the terminal's own theme decides.
    package enum Tone: String {
        case bold = "1"
        case dim = "2"
        case red = "31"
        case green = "32"
        case yellow = "33"
        case blue = "34"
        case magenta = "35"
        case cyan = "36"
        case alarm = "1;31"
    }

    package func callAsFunction(_ tone: Tone?, _ text: String) -> String {
        guard isColoured, let tone, !text.isEmpty else { return text }
        return "\u{1B}[\(tone.rawValue)m\(text)\u{1B}[0m"
    }
}

extension Style.Tone {
    static func of(_ type: EventType) -> Style.Tone? {
        switch type {
        case .exec: .green
        case .fork, .exit, .heartbeat: .dim
        case .create, .modify, .rename, .attribute: .yellow
        case .delete: .red
        case .gap: .alarm
        case .detection: .magenta
        case .unknown: .magenta
        }
    }

    static func of(_ severity: Severity) -> Style.Tone? {
        switch severity {
        case .informational: .dim
        case .low: .cyan
        case .medium: .yellow
        case .high: .red
        case .critical: .alarm
        }
    }
}
