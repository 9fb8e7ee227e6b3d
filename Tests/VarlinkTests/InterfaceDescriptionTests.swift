import Testing

@testable import Varlink

@Suite struct InterfaceDescriptionTests {
    private func error(_ text: String) -> InterfaceError? {
        do throws(InterfaceError) {
            _ = try InterfaceDescription(parsing: text)
            return nil
        } catch {
            return error
        }
    }

    @Test("types, methods, errors and their comments are read")
    func everything() throws {
        let text = """
            # The interface,
            #  in two lines
            interface org.example.x-1.y

            # An alias
            type T (
              # A field
              a: ?[][string](x: int, y: ?U), # not of b
              b: object,
              c: any
            )
            type U (one, two_three)
            method M(f: float, s: string, set: [string]()) -> (b: bool) # not of E
            error E ()
            """
        let interface = try InterfaceDescription(parsing: text)
        #expect(interface.name == "org.example.x-1.y")
        #expect(interface.documentation == "The interface,\n in two lines")
        #expect(interface.text == text)
        let t = try #require(interface.type("T"))
        #expect(t.documentation == "An alias")
        let inner: VarlinkType = .structure([
            Field(name: "x", type: .int), Field(name: "y", type: .nullable(.named("U"))),
        ])
        #expect(
            t.type
                == .structure([
                    Field(name: "a", type: .nullable(.array(.map(inner))), documentation: "A field"),
                    Field(name: "b", type: .object), Field(name: "c", type: .any),
                ]))
        #expect(interface.type("U")?.type == .enumeration(["one", "two_three"]))
        let method = try #require(interface.method("M"))
        #expect(method.input.map(\.name) == ["f", "s", "set"])
        #expect(method.input[2].type == .map(.structure([])))
        #expect(method.output == [Field(name: "b", type: .bool)])
        #expect(interface.error("E") == ErrorDescription(name: "E", documentation: "", parameters: []))
    }

    @Test(
        "a mistake is reported with line, column and what was expected",
        arguments: [
            ("", 1, 1, "'interface'"),
            ("interface x", 1, 11, "an interface name such as org.example.service"),
            ("interface org.example-", 1, 11, "an interface name such as org.example.service"),
            ("interface a.b method M() -> ()", 1, 15, "a line break"),
            ("interface a.b\nmethod M() -> () method N() -> ()", 2, 18, "a line break"),
            ("interface a.b\nmethod m() -> ()", 2, 8, "the name of a method, beginning with an uppercase letter"),
            ("interface a.b\nmethod M()", 2, 11, "'->'"),
            ("interface a.b\nmethod M(x: int -> ()", 2, 17, "',' or ')'"),
            ("interface a.b\nmethod M(x: integer) -> ()", 2, 13, "a type"),
            ("interface a.b\nmethod M(x: Y) -> ()", 2, 13, "a type that is declared, not 'Y'"),
            ("interface a.b\nmethod M(x: ??int) -> ()", 2, 13, "one '?'"),
            ("interface a.b\nmethod M(x: int, x: int) -> ()", 2, 18, "a name that is not taken, not 'x'"),
            ("interface a.b\nmethod M(x) -> ()", 2, 9, "fields with types"),
            ("interface a.b\ntype T (x, y: int)", 2, 13, "',' or ')'"),
            ("interface a.b\ntype T (x: int, y)", 2, 18, "':'"),
            ("interface a.b\ntype T (_x: int)", 2, 9, "the name of a field"),
            ("interface a.b\ntype T (x__y: int)", 2, 9, "the name of a field"),
            ("interface a.b\ntype T ()\nerror T ()", 3, 7, "a name that is not taken, not 'T'"),
            ("interface a.b\nfoo", 2, 1, "'type', 'method' or 'error'"),
        ])
    func mistakes(text: String, line: Int, column: Int, expected: String) {
        #expect(error(text) == InterfaceError(line: line, column: column, expected: expected), "\(text)")
    }

    @Test("types nested deeper than allowed are refused")
    func nesting() {
        let deep = "interface a.b\ntype T (x: \(String(repeating: "[]", count: 100_000))int)"
        #expect(error(deep)?.expected == "at most 32 levels of nested types")
    }

    @Test("no cut through a description crashes the parser")
    func truncation() {
        let bytes = Array(TestInterface.text.utf8)
        for length in bytes.indices { _ = try? InterfaceDescription(parsing: Array(bytes[..<length])) }
    }
}
