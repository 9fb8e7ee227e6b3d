import JSON
import Varlink

/// Drives a service of `org.varlink.certification` that may be somebody else's.
struct CertificationClient {
    struct Failure: Error, CustomStringConvertible { let description: String }

    private let client: VarlinkClient
    private let interface: InterfaceDescription

    /// The interface is the one that the service describes: every reply is compared with it.
    init(connectingTo path: String) async throws {
        client = try await VarlinkClient.connect(to: path)
        let description = try await client.call(
            "org.varlink.service.GetInterfaceDescription", ["interface": .string("org.varlink.certification")])
        interface = try InterfaceDescription(parsing: description["description"]?.stringValue ?? "")
    }

    func run() async throws {
        var passed = try await call("Start", [:])
        guard let id = passed["client_id"] else { throw Failure(description: "Start: no client_id") }
        for step in Certification.steps {
            var arguments: JSONObject = ["client_id": id]
            // End and Test01 take nothing but the id, whatever came before.
            if step.passed.isEmpty { passed = [:] }
            for (name, value) in passed.members { arguments[name] = value }
            if step.isMore {
                passed = try await collect(step.method, arguments)
            } else if step.isOneway {
                client.callOneway("org.varlink.certification.\(step.method)", arguments)
            } else {
                passed = try await call(step.method, arguments)
            }
        }
        guard passed["all_ok"] == .boolean(true) else { throw Failure(description: "End: not all_ok") }
        await client.close()
    }

    private func call(_ method: String, _ arguments: JSONObject) async throws -> JSONObject {
        let reply = try await client.call("org.varlink.certification.\(method)", arguments)
        try check(reply, method)
        return reply
    }

    /// Test10 has ten replies; Test11 wants them all.
    private func collect(_ method: String, _ arguments: JSONObject) async throws -> JSONObject {
        var strings: [JSONValue] = []
        for try await reply in client.stream("org.varlink.certification.\(method)", arguments) {
            let parameters = try reply.get()
            try check(parameters, method)
            if let string = parameters["string"] { strings.append(string) }
        }
        guard strings.count == 10 else { throw Failure(description: "\(method): \(strings.count) replies, not 10") }
        return ["last_more_replies": .array(strings)]
    }

    private func check(_ reply: JSONObject, _ method: String) throws {
        guard let output = interface.method(method)?.output else {
            throw Failure(description: "\(method) is not described")
        }
        if let mismatch = interface.mismatch(of: reply, with: output, undeclared: .ignored) {
            throw Failure(description: "\(method): \(mismatch)")
        }
    }
}
