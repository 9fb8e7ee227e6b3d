extension RegexNode {
    /// The pattern in RE2's syntax. Every character is written as a set of code points, so that nothing depends on how
    /// RE2 folds case or what it takes for white space.
    ///
    /// RE2 has no counterpart to PCRE's `$`. An optional newline before the very end matches the same texts as long as
    /// nothing behind the `$` could consume that newline; nil where something could.
    func rendered() -> String? {
        guard !consumesNewlineBehindDollar(followed: false) else { return nil }
        return text
    }

    private var text: String {
        switch self {
        case .set(let set):
            let ranges = set.ranges.map { range in
                let low = "\\x{\(String(range.lowerBound, radix: 16))}"
                return range.count == 1 ? low : "\(low)-\\x{\(String(range.upperBound, radix: 16))}"
            }
            // An empty class, such as [^\s\S], matches nothing.
            return ranges.isEmpty ? "[^\\x{0}-\\x{10ffff}]" : "[\(ranges.joined())]"
        case .sequence(let nodes): return "(?:\(nodes.map(\.text).joined()))"
        case .alternatives(let nodes): return "(?:\(nodes.map(\.text).joined(separator: "|")))"
        case .repeated(let node, let least, let most):
            switch (least, most) {
            case (0, nil): return "(?:\(node.text))*"
            case (1, nil): return "(?:\(node.text))+"
            case (_, nil): return "(?:\(node.text)){\(least),}"
            case (_, let most?): return "(?:\(node.text)){\(least),\(most)}"
            }
        case .assertion(let assertion):
            switch assertion {
            case .textStart: return "\\A"
            case .textEnd: return "\\z"
            case .textEndOrFinalNewline: return "(?:\\n?\\z)"
            case .lineStart: return "(?m:^)"
            case .lineEnd: return "(?m:$)"
            case .wordBoundary: return "\\b"
            case .notWordBoundary: return "\\B"
            }
        }
    }

    private func consumesNewlineBehindDollar(followed: Bool) -> Bool {
        switch self {
        case .set: return false
        case .assertion(let assertion): return followed && assertion == .textEndOrFinalNewline
        case .alternatives(let nodes): return nodes.contains { $0.consumesNewlineBehindDollar(followed: followed) }
        case .repeated(let node, _, let most):
            return node.consumesNewlineBehindDollar(followed: followed || (most != 1 && node.mayConsumeNewline))
        case .sequence(let nodes):
            var followed = followed
            for node in nodes.reversed() {
                if node.consumesNewlineBehindDollar(followed: followed) { return true }
                followed = followed || node.mayConsumeNewline
            }
            return false
        }
    }

    private var mayConsumeNewline: Bool {
        switch self {
        case .set(let set): set.contains(0x0A)
        case .assertion: false
        case .alternatives(let nodes), .sequence(let nodes): nodes.contains(where: \.mayConsumeNewline)
        case .repeated(let node, _, _): node.mayConsumeNewline
        }
    }

    /// A text with fewer code points, and so one with fewer bytes, cannot match.
    var leastLength: Int {
        switch self {
        case .set: 1
        case .assertion: 0
        case .alternatives(let nodes): nodes.map(\.leastLength).min() ?? 0
        case .sequence(let nodes): nodes.reduce(0) { $0.saturatingAdd($1.leastLength) }
        case .repeated(let node, let least, _): node.leastLength.saturatingMultiply(least)
        }
    }

    /// Texts of which at least one occurs, ASCII case aside, in whatever matches. nil where there is no such list, or
    /// where it would be long.
    var requiredLiterals: [[UInt8]]? { literals.best }
}

extension Int {
    fileprivate func saturatingAdd(_ other: Int) -> Int { Int(clamping: Int64(self) + Int64(other)) }
    fileprivate func saturatingMultiply(_ other: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max / 2 : Swift.min(product, .max / 2)
    }
}

/// What is known of the texts that a part of a pattern matches.
private struct Literals {
    /// All of them, where they are few.
    var exact: [[UInt8]]?
    /// Of these one occurs in each.
    var required: [[UInt8]]?

    static let fewest = 8

    /// The more selective of two lists: its shortest member decides.
    static func better(_ left: [[UInt8]]?, _ right: [[UInt8]]?) -> [[UInt8]]? {
        guard let left else { return right }
        guard let right else { return left }
        let (leftLength, rightLength) = (left.map(\.count).min() ?? 0, right.map(\.count).min() ?? 0)
        return rightLength > leftLength || (rightLength == leftLength && right.count < left.count) ? right : left
    }

    var best: [[UInt8]]? {
        let usable = exact.flatMap { list in list.isEmpty || list.contains([]) ? nil : list }
        return Self.better(usable, required)
    }
}

extension RegexNode {
    private var literals: Literals {
        switch self {
        case .set(let set):
            return Literals(
                exact: set.foldedMembers(limit: 3).map { $0.map { Array(String(Character($0)).utf8) } }, required: nil)
        case .assertion(let assertion):
            // Rendered so that it may take a newline along; that changes no text that must occur.
            return Literals(exact: assertion == .textEndOrFinalNewline ? nil : [[]], required: nil)
        case .alternatives(let nodes):
            let parts = nodes.map(\.literals)
            let exact = parts.reduce([] as [[UInt8]]?) { list, part in
                guard let list, let more = part.exact, list.count + more.count <= Literals.fewest else { return nil }
                return list + more
            }
            let required = parts.reduce([] as [[UInt8]]?) { list, part in
                guard let list, let more = part.best, list.count + more.count <= 4 * Literals.fewest else { return nil }
                return list + more
            }
            return Literals(exact: exact, required: required)
        case .repeated(let node, let least, let most):
            guard least > 0 else { return Literals(exact: nil, required: nil) }
            let inner = node.literals
            return least == 1 && most == 1 ? inner : Literals(exact: nil, required: inner.best)
        case .sequence(let nodes):
            var run: [[UInt8]] = [[]]
            var isWhole = true
            var required: [[UInt8]]?
            for node in nodes {
                let part = node.literals
                if let more = part.exact, run.count * more.count <= Literals.fewest {
                    run = run.flatMap { start in more.map { start + $0 } }
                    continue
                }
                required = Literals.better(Literals(exact: run, required: required).best, part.best)
                isWhole = false
                run = [[]]
            }
            if isWhole { return Literals(exact: run, required: nil) }
            return Literals(exact: nil, required: Literals(exact: run, required: required).best)
        }
    }
}
