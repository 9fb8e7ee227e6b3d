import JSON
import Testing

@testable import Varlink

/// `org.varlink.service` and its errors.
@Suite struct ServiceInterfaceTests {
    private func exchange(_ method: String, _ parameters: String = "{}") throws -> String? {
        let server = try TestServer()
        let socket = try server.connect()
        try socket.send(#"{"method":"\#(method)","parameters":\#(parameters)}"#)
        return try socket.receive()
    }

    private func error(_ name: String, _ member: String, _ value: String) -> String {
        #"{"error":"org.varlink.service.\#(name)","parameters":{"\#(member)":"\#(value)"}}"#
    }

    @Test("GetInfo tells who the service is, and lists org.varlink.service among its interfaces")
    func info() throws {
        #expect(
            try exchange("org.varlink.service.GetInfo") == #"{"parameters":{"vendor":"Example","product":"Test","#
                + #""version":"1","url":"https://example.org","interfaces":["org.varlink.service","org.example.test"]}}"#
        )
    }

    @Test(
        "GetInterfaceDescription serves the very text that calls are checked against",
        arguments: ["org.example.test", "org.varlink.service"])
    func description(name: String) throws {
        let reply = try #require(
            try exchange("org.varlink.service.GetInterfaceDescription", #"{"interface":"\#(name)"}"#))
        let parameters = try JSONValue(parsing: reply).objectValue?["parameters"]?.objectValue
        let text = try #require(parameters?["description"]?.stringValue)
        #expect(try InterfaceDescription(parsing: text).name == name)
        if name == "org.example.test" { #expect(text == TestInterface.text) }
    }

    @Test("GetInterfaceDescription of an unknown interface is InterfaceNotFound")
    func unknownDescription() throws {
        #expect(
            try exchange("org.varlink.service.GetInterfaceDescription", #"{"interface":"a.b"}"#)
                == error("InterfaceNotFound", "interface", "a.b"))
    }

    @Test("a method of an unknown interface is InterfaceNotFound", arguments: [("a.b.C", "a.b"), ("C", ""), ("", "")])
    func interfaceNotFound(method: String, interface: String) throws {
        #expect(try exchange(method) == error("InterfaceNotFound", "interface", interface))
    }

    @Test("an unknown method of a known interface is MethodNotFound")
    func methodNotFound() throws {
        #expect(
            try exchange("org.example.test.Nothing") == error("MethodNotFound", "method", "org.example.test.Nothing"))
    }

    @Test("a method that is declared but not implemented is MethodNotImplemented")
    func methodNotImplemented() throws {
        #expect(
            try exchange("org.example.test.Missing")
                == error("MethodNotImplemented", "method", "org.example.test.Missing"))
    }

    @Test(
        "an undeclared, missing or mistyped parameter is InvalidParameter, and the connection goes on",
        arguments: [
            ("Echo", "{}", "text"), ("Echo", #"{"text":null}"#, "text"), ("Echo", #"{"text":1}"#, "text"),
            ("Echo", #"{"text":"x","other":1}"#, "other"), ("Typed", #"{"colors":["blue"]}"#, "colors[0]"),
            ("Typed", #"{"number":1e300}"#, "number"),
        ])
    func invalidParameter(method: String, parameters: String, parameter: String) throws {
        let server = try TestServer()
        let socket = try server.connect()
        try socket.send(#"{"method":"org.example.test.\#(method)","parameters":\#(parameters)}"#)
        #expect(try socket.receive() == error("InvalidParameter", "parameter", parameter))
        try socket.send(#"{"method":"org.example.test.Typed"}"#)
        #expect(try socket.receive() == "{}")
        #expect(try server.counters.callsRefused == 1)
        #expect(try server.run { $0.ran } == ["Typed"])
    }

    @Test("a reply that is not what the interface declares is reported to whoever asks for it")
    func replyMismatch() async throws {
        await confirmation { reported in
            do {
                let server = try TestServer(checkingReplies: false) { configuration in
                    configuration.replyMismatch = { method, mismatch in
                        #expect(method == "org.example.test.Wrong")
                        #expect(mismatch.parameter == "number")
                        reported()
                    }
                }
                let socket = try server.connect()
                try socket.send(#"{"method":"org.example.test.Wrong"}"#)
                _ = try socket.receive()
            } catch {
                Issue.record(error)
            }
        }
    }
}
