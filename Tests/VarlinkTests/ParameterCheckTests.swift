import JSON
import Testing

@testable import Varlink

@Suite struct ParameterCheckTests {
    private let interface: InterfaceDescription
    private let fields: [Field]

    init() throws {
        interface = try InterfaceDescription(parsing: TestInterface.text)
        fields = try #require(interface.method("Typed")).input
    }

    private func mismatch(_ json: String, _ undeclared: InterfaceDescription.Undeclared = .refused) throws -> String? {
        let object = try #require(try JSONValue(parsing: json).objectValue)
        return interface.mismatch(of: object, with: fields, undeclared: undeclared)?.parameter
    }

    @Test(
        "parameters of the declared types agree, nullable ones present, null or absent",
        arguments: [
            "{}", #"{"number":null,"ratio":null,"colors":null}"#, #"{"number":-1,"ratio":1,"colors":[]}"#,
            #"{"ratio":0.5,"colors":["red","green"],"nested":{"flag":true,"map":{"a":1}}}"#,
            #"{"anything":{"deep":[null]}}"#, #"{"anything":null}"#,
        ])
    func agreeing(json: String) throws {
        #expect(try mismatch(json) == nil)
    }

    @Test(
        "a mistyped, missing or undeclared parameter is named with the way to it",
        arguments: [
            (#"{"number":"1"}"#, "number"), (#"{"number":1.5}"#, "number"), (#"{"number":1.0}"#, "number"),
            (#"{"number":9223372036854775808}"#, "number"), (#"{"number":true}"#, "number"),
            (#"{"ratio":"0.5"}"#, "ratio"), (#"{"colors":"red"}"#, "colors"),
            (#"{"colors":["red","blue"]}"#, "colors[1]"),
            (#"{"colors":[null]}"#, "colors[0]"), (#"{"nested":{}}"#, "nested.flag"),
            (#"{"nested":{"flag":true,"map":{"a":"b"}}}"#, "nested.map.a"),
            (#"{"nested":{"flag":true,"map":{},"more":1}}"#, "nested.more"), (#"{"nested":[]}"#, "nested"),
            (#"{"nested":{"flag":null,"map":{}}}"#, "nested.flag"), (#"{"other":null}"#, "other"),
        ])
    func disagreeing(json: String, parameter: String) throws {
        #expect(try mismatch(json) == parameter)
    }

    @Test("a client ignores members that it does not know, at every level")
    func undeclared() throws {
        #expect(try mismatch(#"{"other":1,"nested":{"flag":true,"map":{},"more":1}}"#, .ignored) == nil)
        #expect(try mismatch(#"{"other":1,"number":"x"}"#, .ignored) == "number")
    }
}
