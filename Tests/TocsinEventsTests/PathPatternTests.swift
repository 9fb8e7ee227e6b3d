import Testing

@testable import TocsinEvents

@Suite struct PathPatternTests {
    private static func matches(_ glob: String, _ path: String) throws -> Bool {
        try PathPattern(glob).matches(Array(path.utf8).span)
    }

    @Test(
        "a pattern matches",
        arguments: [
            ("/etc/passwd", "/etc/passwd"), ("/etc/*", "/etc/passwd"), ("/etc/*", "/etc/"), ("/etc/p*d", "/etc/pd"),
            ("/etc/pass?d", "/etc/passwd"), ("/etc/**", "/etc/a/b/c"), ("/etc/**", "/etc/"), ("/**", "/"),
            ("**", "/any/thing"), ("**/x", "/x"), ("**/x", "/a/b/x"), ("/a/**/b", "/a/b"), ("/a/**/b", "/a/x/y/b"),
            ("/a/**b", "/a/x/yb"), ("**.sh", "/a/b.sh"), ("/home/*/.ssh/**", "/home/u/.ssh/id"),
            ("/[a-c]x", "/bx"), ("/[!a-c]x", "/dx"), ("/[^a-c]x", "/dx"), ("/[]]x", "/]x"), ("/[a-]x", "/-x"),
            ("/[\\]]x", "/]x"), ("/\\*", "/*"), ("/é?", "/éx"), ("/a/**/b/**/c", "/a/b/b/x/c"),
            ("/*a*b*c", "/xaybzbc"), ("/a/**/", "/a/"), ("/a/**/", "/a/b/"), ("/***", "/a/b"),
        ])
    func match(glob: String, path: String) throws {
        #expect(try Self.matches(glob, path))
    }

    @Test(
        "a pattern does not match",
        arguments: [
            ("/etc/passwd", "/etc/passwd-"), ("/etc/passwd", "/etc/passw"), ("/etc/*", "/etc/a/b"), ("/etc/**", "/etc"),
            ("/etc/?", "/etc/"), ("/etc?passwd", "/etc/passwd"), ("/etc[!a]passwd", "/etc/passwd"), ("**/x", "/ax"),
            ("/a/**/b", "/a/xb"), ("/a/**/b", "/ab"), ("/[a-c]x", "/dx"), ("/[!a-c]x", "/bx"), ("/\\*", "/a"),
            ("/home/*/.ssh/**", "/home/a/b/.ssh/id"), ("**.sh", "/a/b.shx"), ("/a/**/", "/a/b"), ("/*", ""),
            ("/ab*ab", "/ab"),
        ])
    func mismatch(glob: String, path: String) throws {
        #expect(try !Self.matches(glob, path))
    }

    @Test(
        "a bad pattern is refused with its position",
        arguments: [
            ("", 0), ("etc", 0), ("*.sh", 0), ("/a[b", 2), ("/a[", 2), ("/a[]", 2), ("/a\\", 2), ("/[z-a]", 3),
            ("/[a/b]", 3), ("/[é]", 2), ("/a\0", 2), ("/[a\\", 1),
        ])
    func bad(glob: String, position: Int) {
        #expect { try PathPattern(glob) } throws: { ($0 as? PathPatternError)?.position == position }
    }

    @Test("a pattern has bounds")
    func bounds() throws {
        _ = try PathPattern("/" + String(repeating: "a", count: 4095))
        #expect(throws: PathPatternError.self) { try PathPattern("/" + String(repeating: "a", count: 4096)) }
        _ = try PathPattern("/" + String(repeating: "?", count: 255))
        #expect(throws: PathPatternError.self) { try PathPattern("/" + String(repeating: "?", count: 256)) }
    }

    @Test("matching agrees with a backtracking matcher on random patterns")
    func random() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let glob =
                "/"
                + (0..<Int.random(in: 0...7)).map { _ in
                    ["a", "b", "/", "*", "**", "?", "[ab]", "**/"].randomElement(using: &generator) ?? "a"
                }.joined()
            let path =
                "/"
                + (0..<Int.random(in: 0...8)).map { _ in ["a", "b", "/"].randomElement(using: &generator) ?? "a" }
                .joined()
            let pattern = try PathPattern(glob)
            let elements = pattern.prefix.map { PathPattern.Element.byte($0) } + pattern.elements
            #expect(
                pattern.matches(Array(path.utf8).span) == Self.naive(elements[...], Array(path.utf8)[...]),
                "\(glob) \(path)")
        }
    }

    /// The meaning of a pattern, word for word.
    private static func naive(_ elements: ArraySlice<PathPattern.Element>, _ path: ArraySlice<UInt8>) -> Bool {
        guard let element = elements.first else { return path.isEmpty }
        let rest = elements.dropFirst()
        let slash = UInt8(ascii: "/")
        let first = path.first
        switch element {
        case .byte(let byte): return first == byte && naive(rest, path.dropFirst())
        case .any: return first != nil && first != slash && naive(rest, path.dropFirst())
        case .set(let set, let negated):
            guard let first, first != slash else { return false }
            return set.contains(first) != negated && naive(rest, path.dropFirst())
        case .star:
            return naive(rest, path) || first != nil && first != slash && naive(elements, path.dropFirst())
        case .globstar: return naive(rest, path) || first != nil && naive(elements, path.dropFirst())
        case .directories:
            return naive(rest, path)
                || path.indices.contains { path[$0] == slash && naive(rest, path[($0 + 1)...]) }
        }
    }

    @Test("a hostile pattern against a hostile path takes no more steps than path times pattern")
    func hostile() throws {
        // A backtracking matcher would need some 10^20 steps here.
        let glob = "/" + String(repeating: "**a*", count: 60) + "b"
        #expect(try !Self.matches(glob, "/" + String(repeating: "a", count: 4000) + "c"))
        #expect(try Self.matches(glob, "/" + String(repeating: "a", count: 4000) + "b"))
    }
}
