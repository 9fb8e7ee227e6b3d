import Glibc

/// What standard output is.
package enum Terminal {
    /// Colour for a terminal only, and not for one that cannot, nor for a person who does not want it (no-color.org:
    /// any value but the empty one).
    package static var wantsColour: Bool {
        guard isatty(STDOUT_FILENO) == 1 else { return false }
        if let choice = variable("NO_COLOR"), !choice.isEmpty { return false }
        return variable("TERM") != "dumb"
    }

    package static var isInteractive: Bool { isatty(STDOUT_FILENO) == 1 }

    package static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }
}
