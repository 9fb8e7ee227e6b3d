import JSON

/// The course of the test: what each method is called with, and what it returns.
enum Certification {
    struct Step {
        let method: String
        let next: String
        /// What the client passes on from the step before.
        let passed: JSONObject
        let result: JSONObject
        var isMore: Bool { method == "Test10" }
        var isOneway: Bool { method == "Test11" }

        func arguments(_ client: String) -> JSONObject {
            var arguments: JSONObject = ["client_id": .string(client)]
            for (name, value) in passed.members { arguments[name] = value }
            return arguments
        }
    }

    static func step(_ method: String) -> Step? { steps.first { $0.method == method } }

    static let steps: [Step] = {
        let names = (1...11).map { $0 < 10 ? "Test0\($0)" : "Test\($0)" } + ["End"]
        return zip(names.indices, names).map { index, name in
            Step(
                method: name, next: index + 1 < names.count ? names[index + 1] : "",
                passed: index == 0 ? [:] : passed[index - 1], result: index < results.count ? results[index] : [:])
        }
    }()

    /// Whether two values mean the same: members that are null count as absent, and 1 is also 1.0.
    static func agrees(_ lhs: JSONValue, _ rhs: JSONValue) -> Bool {
        switch (lhs, rhs) {
        case (.integer(let integer), .number(let number)), (.number(let number), .integer(let integer)):
            return Double(integer) == number
        case (.array(let lhs), .array(let rhs)):
            return lhs.count == rhs.count && zip(lhs, rhs).allSatisfy { agrees($0, $1) }
        case (.object(let lhs), .object(let rhs)):
            let left = lhs.members.filter { !$0.value.isNull }
            let right = rhs.members.filter { !$0.value.isNull }
            return left.count == right.count && left.allSatisfy { agrees($0.value, rhs[$0.name] ?? .null) }
        default:
            return lhs == rhs
        }
    }

    private static let five: JSONObject = [
        "bool": .boolean(false), "int": .integer(2), "float": .number(.pi), "string": .string("a lot of string"),
    ]

    /// What Test01 to Test11 and End return; Test10 has ten replies and is apart.
    private static let results: [JSONObject] = [
        ["bool": .boolean(true)],
        ["int": .integer(1)],
        ["float": .number(1)],
        ["string": .string("ping")],
        five,
        ["struct": .object(five)],
        ["map": .object(["foo": .string("Foo"), "bar": .string("Bar")])],
        ["set": .object(["one": .object([:]), "two": .object([:]), "three": .object([:])])],
        ["mytype": .object(myType)],
        [:],
        [:],
        ["all_ok": .boolean(true)],
    ]

    /// What Test02 to Test11 and End are called with beside the id.
    private static let passed: [JSONObject] =
        results[..<9] + [["last_more_replies": .array((1...10).map { .string("Reply number \($0)") })], [:]]

    private static let myType: JSONObject = [
        "object": .object([
            "method": .string("org.varlink.certification.Test09"),
            "parameters": .object(["map": .object(["foo": .string("Foo"), "bar": .string("Bar")])]),
        ]),
        "enum": .string("two"),
        "struct": .object(["first": .integer(1), "second": .string("2")]),
        "array": .array([.string("one"), .string("two"), .string("three")]),
        "dictionary": .object(["foo": .string("Foo"), "bar": .string("Bar")]),
        "stringset": .object(["one": .object([:]), "two": .object([:]), "three": .object([:])]),
        "interface": .object([
            "foo": .array([
                .null,
                .object(["foo": .string("foo"), "bar": .string("bar")]),
                .null,
                .object(["one": .string("foo"), "two": .string("bar")]),
            ]),
            "anon": .object(["foo": .boolean(true), "bar": .boolean(false)]),
        ]),
    ]
}
