import JSON

@testable import Varlink

/// A service whose calls the test answers, or which answers by itself.
final class TestInterface: VarlinkInterface {
    static let text = """
        # What the tests call
        interface org.example.test

        type Color (red, green)

        method Echo(text: string) -> (text: string)
        method Typed(
          number: ?int,
          ratio: ?float,
          colors: ?[]Color,
          nested: ?(flag: bool, map: [string]int),
          anything: ?any
        ) -> ()
        # Pends until the test answers; pipelined calls pend together
        method Wait() -> (number: int)
        # Pends until the test answers, alone
        method Alone() -> (number: int)
        # Answered once no further call comes, with the place of each; calls that say the same come as one
        method Gather(bytes: int) -> (number: int, text: string)
        method Count(to: int) -> (number: int)
        method Monitor() -> (number: int)
        method Big(bytes: int) -> (text: string)
        method Wrong() -> (number: int)
        method Missing() -> ()

        error Failed (reason: string)
        """

    let description: InterfaceDescription
    /// Calls that nobody has answered.
    private(set) var pending: [ServerCall] = []
    /// All methods that ran, in order.
    private(set) var ran: [String] = []
    private(set) var closed: [ConnectionID] = []
    private(set) var writable = 0
    /// How many calls of `Gather` came as one.
    private(set) var gatherings: [Int] = []
    private var gathered: [ServerCall] = []
    private(set) var shutdowns = 0

    init() throws { description = try InterfaceDescription(parsing: Self.text) }

    func options(of method: String) -> MethodOptions {
        switch method {
        case "Wait": .pendsTogether
        case "Gather": [.pendsTogether, .takesRuns]
        case "Monitor": .requiresMore
        case "Missing": .notImplemented
        default: []
        }
    }

    func call(_ call: ServerCall) {
        ran.append(call.method)
        switch call.method {
        case "Echo":
            let text = call.parameters["text"]?.stringValue ?? ""
            if text == "fail" { return call.fail("org.example.test.Failed") { $0.member("reason", text) } }
            call.reply { $0.member("text", text) }
        case "Typed": call.reply()
        case "Count":
            let last = call.parameters["to"]?.integerValue ?? 0
            for number in 1...last { call.reply(continues: number < last) { $0.member("number", number) } }
        case "Big":
            let bytes = Int(call.parameters["bytes"]?.integerValue ?? 0)
            call.reply { $0.member("text", String(repeating: "x", count: bytes)) }
        case "Gather":
            gatherings.append(call.ids.count)
            gathered.append(call)
        case "Wrong": call.reply { $0.member("number", "no number") }
        default: if !call.isOneway { pending.append(call) }
        }
    }

    func callsEnded(on connection: ServerConnection) {
        for call in gathered {
            let text = String(repeating: "x", count: Int(call.parameters["bytes"]?.integerValue ?? 0))
            for id in call.ids {
                connection.reply(to: id) {
                    $0.member("number", id.rawValue)
                    $0.member("text", text)
                }
            }
        }
        gathered.removeAll()
    }

    func connectionClosed(_ connection: ServerConnection) {
        closed.append(connection.id)
        pending.removeAll { $0.connection.id == connection.id }
    }

    func connectionBecameWritable(_ connection: ServerConnection) { writable += 1 }

    func serverIsShuttingDown() {
        shutdowns += 1
        shutdownPending()
    }

    /// Answers all pending calls with an error.
    func shutdownPending() {
        for call in pending { call.fail("org.example.test.Failed") { $0.member("reason", "shutdown") } }
        pending.removeAll()
    }

    /// Answers the pending call at an index.
    func answer(_ number: Int, at index: Int = 0) {
        pending.remove(at: index).reply { $0.member("number", number) }
    }
}
