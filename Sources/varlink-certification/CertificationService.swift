import JSON
import Varlink

/// Serves `org.varlink.certification`: checks that each client calls the methods in order, with what the one before
/// returned.
final class CertificationService: VarlinkInterface {
    let description: InterfaceDescription

    /// The method that each client must call next.
    private var expected: [String: String] = [:]
    /// Clients come and go; one that never ends its test must not stay for ever.
    private var order: [String] = []
    private static let maximumClients = 100

    init() throws {
        description = try InterfaceDescription(parsing: PackageResources.org_varlink_certification_varlink)
    }

    func call(_ call: ServerCall) {
        if call.method == "Start" { return start(call) }
        guard let client = call.parameters["client_id"]?.stringValue, let expected = expected[client] else {
            return call.fail("org.varlink.certification.ClientIdError")
        }
        guard let step = Certification.step(call.method), call.method == expected,
            Certification.agrees(.object(call.parameters), .object(step.arguments(client))),
            call.wantsMore == step.isMore, call.isOneway == step.isOneway
        else {
            self.expected[client] = nil
            return refuse(call, Certification.step(expected)?.arguments(client) ?? [:])
        }
        self.expected[client] = step.next
        guard step.isMore else { return reply(call, step.result) }
        for number in 1...10 {
            call.reply(continues: number < 10) { $0.member("string", "Reply number \(number)") }
        }
    }

    private func start(_ call: ServerCall) {
        let client = (0..<4).map { _ in String(UInt32.random(in: 0 ... .max), radix: 16) }.joined(separator: "-")
        expected[client] = "Test01"
        order.append(client)
        if order.count > Self.maximumClients { expected[order.removeFirst()] = nil }
        call.reply { $0.member("client_id", client) }
    }

    private func reply(_ call: ServerCall, _ result: JSONObject) {
        call.reply { writer in
            for (name, value) in result.members {
                writer.name(dynamic: name)
                writer.value(value)
            }
        }
    }

    private func refuse(_ call: ServerCall, _ wants: JSONObject) {
        call.fail("org.varlink.certification.CertificationError") { writer in
            writer.name("wants")
            writer.value(.object(wants))
            writer.name("got")
            writer.value(.object(call.parameters))
        }
    }
}
