public import ArgumentParser
public import TocsinEvents

// How the words of a command line become the values of the interface.

enum Format: String, ExpressibleByArgument, CaseIterable {
    case text, json
}

extension EventType: ExpressibleByArgument {
    /// Only what this version knows: a misspelt type would wait for ever.
    public init?(argument: String) {
        guard let type = Self.known.first(where: { $0.rawValue == argument }) else { return nil }
        self = type
    }

    public static var allValueStrings: [String] { known.map(\.rawValue) }
    public var defaultValueDescription: String { rawValue }
}

extension Severity: ExpressibleByArgument {
    public init?(argument: String) { self.init(name: argument) }
    public static var allValueStrings: [String] { allCases.map(\.name) }
    /// The names say it.
    public static var allValueDescriptions: [String: String] { [:] }
    public var defaultValueDescription: String { name }
}

extension Cursor: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
    public var defaultValueDescription: String { description }
}

/// A user, by name or number.
struct User: ExpressibleByArgument {
    var uid: UInt32

    init?(argument: String) {
        guard let uid = LocalNames.uid(argument) else { return nil }
        self.uid = uid
    }
}

/// A glob as the daemon takes it. Checked here, so that the answer names the option and the reason.
@Sendable private func checkedGlob(_ argument: String) throws -> String {
    do throws(PathPatternError) {
        _ = try PathPattern(argument)
        return argument
    } catch {
        throw ValidationError(error.description)
    }
}

struct ConnectionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The daemon's socket.", discussion: "$TOCSIN_SOCKET, if it is set, is the default."))
    var socket: String = ConnectionOptions.defaultSocket

    private static var defaultSocket: String {
        if let path = Terminal.variable("TOCSIN_SOCKET"), !path.isEmpty { return path }
        return "/run/tocsin/tocsin.sock"
    }
}

struct FormatOptions: ParsableArguments {
    @Option(help: "text is for eyes; json is one object a line, as the interface has it.")
    var format: Format = .text
}

struct EventOptions: ParsableArguments {
    @Option(
        name: .customLong("type"),
        help: ArgumentHelp("Only events of this type. May be repeated.", valueName: "type"))
    var types: [EventType] = []

    @Option(
        name: .customLong("path"),
        help: ArgumentHelp(
            "Only events of this file or executable; a glob: * and ? stay within one directory, ** crosses them. May be repeated.",
            valueName: "glob"), transform: checkedGlob)
    var paths: [String] = []

    @Option(
        name: .customLong("exclude-path"),
        help: ArgumentHelp("Not the events of this file or executable. May be repeated.", valueName: "glob"),
        transform: checkedGlob)
    var excludePaths: [String] = []

    @Option(
        name: .customLong("uid"),
        help: ArgumentHelp("Only events of this user, by name or number. May be repeated.", valueName: "user"))
    var users: [User] = []

    @Option(help: ArgumentHelp("Only events that a rule of at least this severity matched.", valueName: "severity"))
    var minSeverity: Severity?

    @Flag(help: "Only events that a rule matched.")
    var detections = false

    @Option(
        help: ArgumentHelp(
            "Resume after this cursor, as events and status show it; without it, begin with what happens from now on.",
            valueName: "cursor"))
    var after: Cursor?

    @Option(
        help: ArgumentHelp(
            "Compete with the other readers of this group: each event goes to one of them, and to another if that one goes away before it is done with it.",
            valueName: "name"))
    var group: String?

    @Flag(
        help: ArgumentHelp(
            "Show also the events of this command's own process group.",
            discussion: "They are left out because each line that a pipeline writes could cause the next."))
    var includeSelf = false

    var filter: Filter {
        Filter(
            types: types.isEmpty ? nil : types, paths: paths.isEmpty ? nil : paths,
            excludePaths: excludePaths.isEmpty ? nil : excludePaths, uids: users.isEmpty ? nil : users.map(\.uid),
            minimumSeverity: minSeverity ?? (detections ? .informational : nil))
    }
}
