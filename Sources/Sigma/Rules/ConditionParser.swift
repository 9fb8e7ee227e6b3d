import YAML

/// Parses a condition and resolves its search identifiers.
///
/// Precedence, weakest first: `or`, `and`, `not`, `x of`. Keywords are lower case; an identifier may start with one.
struct ConditionParser {
    private let tokens: [Substring]
    private var index = 0
    private var depth = 0
    private let selections: [(name: String, expression: Expression)]
    private let position: YAMLPosition

    private static let greatestDepth = 64
    /// Tests in a condition, each selection counted as often as it is named.
    private static let greatestSize = 100_000
    private let sizes: [Int]
    private var size = 0

    static func parse(
        _ text: String, selections: [(name: String, expression: Expression)], at position: YAMLPosition
    ) throws(RuleError) -> Expression {
        var parser = try ConditionParser(text, selections, position)
        let expression = try parser.disjunction()
        guard parser.index == parser.tokens.count else {
            throw parser.error("expected “and” or “or”, found \(quoted(String(parser.tokens[parser.index])))")
        }
        return expression
    }

    private init(
        _ text: String, _ selections: [(name: String, expression: Expression)], _ position: YAMLPosition
    ) throws(RuleError) {
        var tokens: [Substring] = []
        var rest = text[...]
        while let character = rest.unicodeScalars.first {
            if character.properties.isWhitespace {
                rest.unicodeScalars.removeFirst()
            } else if character == "(" || character == ")" {
                tokens.append(rest.unicodeScalars.prefix(1).asSubstring)
                rest.unicodeScalars.removeFirst()
            } else {
                let word = rest.unicodeScalars.prefix(while: Self.isWordCharacter)
                guard !word.isEmpty else {
                    throw RuleError(
                        .condition,
                        character == "|"
                            ? "aggregation behind a pipe is replaced by correlation rules"
                            : "unexpected \(quoted(String(character)))", at: position)
                }
                tokens.append(word.asSubstring)
                rest.unicodeScalars.removeFirst(word.count)
            }
        }
        self.tokens = tokens
        self.selections = selections
        self.position = position
        sizes = selections.map(\.expression.size)
    }

    private mutating func expression(at index: Int) throws(RuleError) -> Expression {
        size += sizes[index]
        guard size <= Self.greatestSize else { throw error("more than \(Self.greatestSize) tests") }
        return selections[index].expression
    }

    private static func isWordCharacter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "_", "-", "*": true
        default: false
        }
    }

    private func error(_ reason: String) -> RuleError { RuleError(.condition, reason, at: position) }

    private mutating func take(_ word: Substring) -> Bool {
        guard index < tokens.count, tokens[index] == word else { return false }
        index += 1
        return true
    }

    private mutating func disjunction() throws(RuleError) -> Expression {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.greatestDepth else {
            throw error("parentheses nested deeper than \(Self.greatestDepth)")
        }
        var terms = [try conjunction()]
        while take("or") { terms.append(try conjunction()) }
        return terms.count == 1 ? terms[0] : .any(terms)
    }

    private mutating func conjunction() throws(RuleError) -> Expression {
        var terms = [try negation()]
        while take("and") { terms.append(try negation()) }
        return terms.count == 1 ? terms[0] : .all(terms)
    }

    private mutating func negation() throws(RuleError) -> Expression {
        var isNegated = false
        while take("not") { isNegated.toggle() }
        let operand = try operand()
        return isNegated ? .not(operand) : operand
    }

    private mutating func operand() throws(RuleError) -> Expression {
        guard index < tokens.count else { throw error("expected a search identifier, found the end") }
        let token = tokens[index]
        index += 1
        if token == "(" {
            let inner = try disjunction()
            guard take(")") else { throw error("a parenthesis is not closed") }
            return inner
        }
        if index < tokens.count, tokens[index] == "of" {
            index += 1
            return try selector(quantifier: token)
        }
        guard token != ")", !["and", "or", "not", "of"].contains(token) else {
            throw error("expected a search identifier, found \(quoted(String(token)))")
        }
        guard let selection = selections.firstIndex(where: { $0.name == token }) else {
            throw error("search identifier \(quoted(String(token))) is not defined")
        }
        return try expression(at: selection)
    }

    private mutating func selector(quantifier: Substring) throws(RuleError) -> Expression {
        guard ["1", "any", "all"].contains(quantifier) else {
            throw error("expected 1, any or all before “of”, found \(quoted(String(quantifier)))")
        }
        guard index < tokens.count, tokens[index] != "(", tokens[index] != ")" else {
            throw error("expected “them” or a pattern behind “of”")
        }
        let pattern = tokens[index]
        index += 1
        // Names with an underscore in front are reached only by patterns with one.
        let matching = selections.indices.filter { index in
            (pattern == "them" || Self.matches(selections[index].name, pattern))
                && (pattern.first == "_" || selections[index].name.first != "_")
        }
        guard !matching.isEmpty else { throw error("\(quoted(String(pattern))) selects no search identifier") }
        var expressions: [Expression] = []
        for index in matching { expressions.append(try expression(at: index)) }
        if expressions.count == 1 { return expressions[0] }
        return quantifier == "all" ? .all(expressions) : .any(expressions)
    }

    /// `*` stands for any run of characters.
    private static func matches(_ name: String, _ pattern: Substring) -> Bool {
        let glob = Glob(TextPattern(tokens: TextPattern(escaped: String(pattern)).tokens, isCased: true))
        var name = name
        return name.withUTF8 { glob.matches(UnsafeRawBufferPointer($0)) }
    }
}

extension Substring.UnicodeScalarView {
    fileprivate var asSubstring: Substring { Substring(self) }
}
