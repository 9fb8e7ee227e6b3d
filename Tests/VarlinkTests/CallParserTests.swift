import Testing

@testable import Varlink

@Suite struct CallParserTests {
    private let parser = CallParser(MethodTable([("a.b.M", []), ("a.b.N", [])]))

    /// What a message is found to mean, or why it is none.
    private func parse(_ message: String) -> String {
        Array(message.utf8).withUnsafeBufferPointer { bytes in
            do throws(MalformedMessage) {
                let call = try parser.parse(bytes)
                return "\(call.callee) \(call.mode) \(call.parameters["p"]?.stringValue ?? "")"
            } catch {
                return error.description
            }
        }
    }

    @Test("a call means the same however often it is written, and nothing of it is left in another of its length")
    func repeated() {
        let calls = [
            (#"{"method":"a.b.M","parameters":{"p":"x"}}"#, "method(0) single x"),
            (#"{"method":"a.b.M","parameters":{"p":"y"}}"#, "method(0) single y"),
            (#"{"method":"a.b.N","parameters":{"p":"y"}}"#, "method(1) single y"),
            (#"{"method":"a.b.N","more":true}           "#, "method(1) more "),
            (#"{"method":"a.b.Z","more":true}           "#, #"unknown("a.b.Z") more "#),
        ]
        for (message, meaning) in calls + calls.reversed() {
            for _ in 0..<3 { #expect(parse(message) == meaning) }
        }
    }

    @Test("what is no call leaves the call before it what it was, and is found out each time")
    func malformed() {
        let call = #"{"method":"a.b.M"}"#
        for _ in 0..<2 {
            #expect(parse(call) == "method(0) single ")
            #expect(parse(#"{"method":"a.b.M"]"#) != "method(0) single ")
            #expect(parse("") != "method(0) single ")
            #expect(parse(String(call.dropLast())) != "method(0) single ")
        }
        let long = #"{"method":"a.b.M","parameters":{"p":"\#(String(repeating: "x", count: 1000))"}}"#
        for _ in 0..<2 { #expect(parse(long) == "method(0) single " + String(repeating: "x", count: 1000)) }
        #expect(parse(call) == "method(0) single ")
    }
}
