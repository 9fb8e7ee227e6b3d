import CRE2

/// A compiled regular expression of a rule. Equal patterns match the same texts.
struct RegexPattern: Hashable, Sendable {
    /// What RE2 was given.
    let rendered: String
    let leastLength: Int
    let requiredLiterals: [[UInt8]]?
    private let expression: RE2Expression

    init(_ pattern: String, flags: RegexFlags) throws(RegexError) {
        let node = try RegexParser.parse(pattern, flags: flags)
        guard let rendered = node.rendered() else {
            throw RegexError(offset: 0, reason: "what follows a $ could match the newline that ends a text")
        }
        self.rendered = rendered
        leastLength = node.leastLength
        requiredLiterals = node.requiredLiterals
        expression = try RE2Expression(rendered)
    }

    /// Whether the pattern matches somewhere in a text, which must be UTF-8: RE2's sets never match a stray byte.
    func matches(_ text: UnsafeRawBufferPointer) -> Bool {
        text.count >= leastLength && expression.matches(text)
    }

    static func == (left: RegexPattern, right: RegexPattern) -> Bool { left.rendered == right.rendered }
    func hash(into hasher: inout Hasher) { hasher.combine(rendered) }
}

/// Owns one RE2 object and deletes it once.
///
/// Unchecked, because the pointer is not Sendable by itself: RE2 documents that a compiled expression may be searched
/// from several threads at once, and nothing else is ever done with it.
private final class RE2Expression: @unchecked Sendable {
    private let pointer: OpaquePointer

    /// For the program and for the caches of its automata; when the caches are full RE2 starts them anew or falls back
    /// to a slower automaton, so that memory never decides whether a text matches.
    private static let memory: Int64 = 4 << 20

    init(_ pattern: String) throws(RegexError) {
        var message = [CChar](repeating: 0, count: 256)
        let pointer = Array(pattern.utf8).withUnsafeBytes { bytes in
            cre2_new(
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count, Self.memory, &message,
                message.count)
        }
        guard let pointer else {
            let end = message.firstIndex(of: 0) ?? message.count
            let reason = String(decoding: message[..<end].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            throw RegexError(offset: 0, reason: reason)
        }
        self.pointer = pointer
    }

    deinit { cre2_delete(pointer) }

    func matches(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let start = text.baseAddress else { return cre2_search(pointer, nil, 0) }
        return cre2_search(pointer, start.assumingMemoryBound(to: UInt8.self), text.count)
    }
}
