/// A regular expression as PCRE reads it, restricted to what can be matched in linear time.
indirect enum RegexNode: Hashable, Sendable {
    case set(ScalarSet)
    case sequence([RegexNode])
    case alternatives([RegexNode])
    case repeated(RegexNode, least: Int, most: Int?)
    case assertion(RegexAssertion)
}

enum RegexAssertion: Hashable, Sendable {
    case textStart, textEnd
    /// PCRE's `$` without `m`: the end, or before a newline that ends the text.
    case textEndOrFinalNewline
    case lineStart, lineEnd
    case wordBoundary, notWordBoundary
}

struct RegexFlags: OptionSet, Hashable, Sendable {
    let rawValue: UInt8
    static let ignoreCase = RegexFlags(rawValue: 1)
    static let multiline = RegexFlags(rawValue: 2)
    static let dotAll = RegexFlags(rawValue: 4)
}

/// Why a pattern is refused; `offset` counts code points.
struct RegexError: Error, Hashable {
    let offset: Int
    let reason: String
}

/// Parses the PCRE syntax that rules use, and refuses by name what no linear-time matcher can do or what this parser
/// does not know: a pattern is understood wholly or not at all.
struct RegexParser {
    private let scalars: [Unicode.Scalar]
    private var index = 0
    private var depth = 0
    private static let greatestCount = 1_000
    private static let greatestDepth = 50

    static func parse(_ pattern: String, flags: RegexFlags) throws(RegexError) -> RegexNode {
        var parser = RegexParser(pattern)
        var flags = flags
        let node = try parser.alternatives(&flags)
        guard parser.index == parser.scalars.count else { throw parser.error("unmatched )") }
        return node
    }

    private init(_ pattern: String) { scalars = Array(pattern.unicodeScalars) }

    private func error(_ reason: String) -> RegexError { RegexError(offset: index, reason: reason) }

    private var next: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

    private mutating func take(_ text: String) -> Bool {
        let wanted = Array(text.unicodeScalars)
        guard scalars[index...].starts(with: wanted) else { return false }
        index += wanted.count
        return true
    }

    // MARK: Structure

    /// Flags that `(?i)` sets hold up to the end of the enclosing group, alternatives included.
    private mutating func alternatives(_ flags: inout RegexFlags) throws(RegexError) -> RegexNode {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.greatestDepth else { throw error("groups nested deeper than \(Self.greatestDepth)") }
        var branches = [try sequence(&flags)]
        while take("|") { branches.append(try sequence(&flags)) }
        return branches.count == 1 ? branches[0] : .alternatives(branches)
    }

    private mutating func sequence(_ flags: inout RegexFlags) throws(RegexError) -> RegexNode {
        var items: [RegexNode] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            guard let item = try atom(&flags) else { continue }
            items.append(try quantified(item))
        }
        return items.count == 1 ? items[0] : .sequence(items)
    }

    private mutating func quantified(_ item: RegexNode) throws(RegexError) -> RegexNode {
        guard let (least, most) = try quantifier() else { return item }
        if case .assertion = item { throw error("a quantifier behind an assertion") }
        // Greedy or not makes no difference to whether there is a match.
        _ = take("?")
        if next == "+" { throw error("possessive quantifiers cannot be matched in linear time") }
        if try quantifier() != nil { throw error("a quantifier behind a quantifier") }
        return .repeated(item, least: least, most: most)
    }

    private mutating func quantifier() throws(RegexError) -> (least: Int, most: Int?)? {
        if take("*") { return (0, nil) }
        if take("+") { return (1, nil) }
        if take("?") { return (0, 1) }
        let start = index
        guard take("{") else { return nil }
        let least = number()
        var most = least
        if take(",") { most = number() }
        guard take("}") else {
            index = start
            return nil
        }
        let isOpen = scalars[index - 2] == ","
        guard let least else {
            // {} and {,} are literal; PCRE's versions disagree about {,3}.
            if most != nil { throw error("a quantifier without lower bound") }
            index = start
            return nil
        }
        if !isOpen, let most, most < least { throw error("quantifier bounds in the wrong order") }
        guard max(least, most ?? 0) <= Self.greatestCount else {
            throw error("a quantifier above \(Self.greatestCount)")
        }
        return (least, isOpen ? nil : most)
    }

    private mutating func number() -> Int? {
        let start = index
        while let scalar = next, ("0"..."9").contains(scalar) { index += 1 }
        guard index > start else { return nil }
        return Int(String(String.UnicodeScalarView(scalars[start..<index]))) ?? Int.max
    }

    // MARK: Atoms

    /// nil where what was read sets flags only.
    private mutating func atom(_ flags: inout RegexFlags) throws(RegexError) -> RegexNode? {
        let scalar = scalars[index]
        switch scalar {
        case "(": return try group(&flags)
        case "[": return .set(try bracketed(flags))
        case "\\": return try escape(flags)
        case ".":
            index += 1
            return .set(flags.contains(.dotAll) ? .everything : ScalarSet.newline.inverted)
        case "^":
            index += 1
            return .assertion(flags.contains(.multiline) ? .lineStart : .textStart)
        case "$":
            index += 1
            return .assertion(flags.contains(.multiline) ? .lineEnd : .textEndOrFinalNewline)
        case "*", "+", "?": throw error("nothing that \(scalar) could repeat")
        case "{":
            if try quantifier() != nil { throw error("nothing that a quantifier could repeat") }
            index += 1
            return literal(scalar, flags)
        default:
            index += 1
            return literal(scalar, flags)
        }
    }

    private func literal(_ scalar: Unicode.Scalar, _ flags: RegexFlags) -> RegexNode {
        .set(flags.contains(.ignoreCase) ? ScalarSet(scalar).foldingASCII : ScalarSet(scalar))
    }

    private mutating func group(_ flags: inout RegexFlags) throws(RegexError) -> RegexNode? {
        index += 1
        if next == "*" { throw error("verbs (*…) are not supported") }
        var inner = flags
        if take("?") {
            for (opening, name) in [
                ("=", "lookahead"), ("!", "lookahead"), ("<=", "lookbehind"), ("<!", "lookbehind"),
                (">", "atomic groups"), ("|", "branch reset groups"), ("(", "conditions"), ("#", "comments"),
                ("R", "recursion"), ("&", "recursion"), ("P>", "recursion"), ("P=", "backreferences"),
            ] where take(opening) { throw error("\(name) cannot be matched in linear time or are not supported") }
            if take("P<") || take("<") || take("'") {
                // A name is of use to backreferences only, and those are refused.
                while let scalar = next, ScalarSet.word.contains(scalar.value) { index += 1 }
                guard take(">") || take("'") else { throw error("a malformed group name") }
            } else if let (set, unset) = try flagLetters() {
                inner.formUnion(set)
                inner.subtract(unset)
                if take(")") {
                    flags = inner
                    return nil
                }
                guard take(":") else { throw error("expected : or ) behind flags") }
            }
        }
        let node = try alternatives(&inner)
        guard take(")") else { throw error("a group without its )") }
        // A group of its own, so that a quantifier repeats the whole of it.
        return .sequence([node])
    }

    private mutating func flagLetters() throws(RegexError) -> (set: RegexFlags, unset: RegexFlags)? {
        var set: RegexFlags = []
        var unset: RegexFlags = []
        var isNegative = false
        while let scalar = next, scalar != ":", scalar != ")" {
            let flag: RegexFlags
            switch scalar {
            case "i": flag = .ignoreCase
            case "m": flag = .multiline
            case "s": flag = .dotAll
            case "-" where !isNegative:
                isNegative = true
                index += 1
                continue
            default: throw error("(?\(scalar) is not supported")
            }
            if isNegative { unset.insert(flag) } else { set.insert(flag) }
            index += 1
        }
        return (set, unset)
    }

    // MARK: Escapes and classes

    private mutating func escape(_ flags: RegexFlags) throws(RegexError) -> RegexNode {
        index += 1
        guard let scalar = next else { throw error("a backslash at the end") }
        let assertion: RegexAssertion? =
            switch scalar {
            case "A": .textStart
            case "z": .textEnd
            case "Z": .textEndOrFinalNewline
            case "b": .wordBoundary
            case "B": .notWordBoundary
            default: nil
            }
        if let assertion {
            index += 1
            return .assertion(assertion)
        }
        let set = try escapedSet()
        return .set(flags.contains(.ignoreCase) ? set.foldingASCII : set)
    }

    /// The set that an escape stands for; `index` is behind the backslash.
    private mutating func escapedSet() throws(RegexError) -> ScalarSet {
        guard let scalar = next else { throw error("a backslash at the end") }
        index += 1
        switch scalar {
        case "d": return .digits
        case "D": return ScalarSet.digits.inverted
        case "w": return .word
        case "W": return ScalarSet.word.inverted
        case "s": return .space
        case "S": return ScalarSet.space.inverted
        case "t": return ScalarSet("\t")
        case "n": return ScalarSet("\n")
        case "r": return ScalarSet("\r")
        case "f": return ScalarSet("\u{0C}")
        case "a": return ScalarSet("\u{07}")
        case "e": return ScalarSet("\u{1B}")
        case "x": return ScalarSet(try hexadecimal())
        case "1"..."9": throw error("backreferences cannot be matched in linear time")
        case "0", "a"..."z", "A"..."Z": throw error("the escape \\\(scalar) is not supported")
        default: return ScalarSet(scalar)
        }
    }

    private mutating func hexadecimal() throws(RegexError) -> Unicode.Scalar {
        let isBraced = take("{")
        var digits = ""
        while let scalar = next, scalar.properties.isASCIIHexDigit, digits.count < (isBraced ? 6 : 2) {
            digits.unicodeScalars.append(scalar)
            index += 1
        }
        guard !isBraced || take("}"), let value = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(value) else {
            throw error("a malformed \\x escape")
        }
        return scalar
    }

    private mutating func bracketed(_ flags: RegexFlags) throws(RegexError) -> ScalarSet {
        index += 1
        let isNegated = take("^")
        var set = ScalarSet([])
        var isFirst = true
        while true {
            guard let scalar = next else { throw error("a [ without its ]") }
            if scalar == "]", !isFirst { break }
            isFirst = false
            if let named = try namedClass() {
                set = set.union(named)
                continue
            }
            let low = try classMember()
            // A hyphen behind a set such as \w, or before the closing bracket, is a literal one.
            guard next == "-", index + 1 < scalars.count, scalars[index + 1] != "]", let first = low.single else {
                set = set.union(low)
                continue
            }
            index += 1
            guard let last = try classMember().single else { throw error("a range that ends in a class") }
            guard first <= last else { throw error("a range in the wrong order") }
            set = set.union(ScalarSet([first...last]))
        }
        index += 1
        if flags.contains(.ignoreCase) { set = set.foldingASCII }
        return isNegated ? set.inverted : set
    }

    private mutating func classMember() throws(RegexError) -> ScalarSet {
        guard let scalar = next else { throw error("a [ without its ]") }
        index += 1
        guard scalar == "\\" else { return ScalarSet(scalar) }
        // In a class \b is a backspace.
        if take("b") { return ScalarSet("\u{08}") }
        return try escapedSet()
    }

    private mutating func namedClass() throws(RegexError) -> ScalarSet? {
        if scalars[index...].starts(with: ["[", "."]) || scalars[index...].starts(with: ["[", "="]) {
            throw error("collating elements are not supported")
        }
        guard scalars[index...].starts(with: ["[", ":"]) else { return nil }
        for (name, set) in Self.namedClasses {
            if take("[:\(name):]") { return set }
            if take("[:^\(name):]") { return set.inverted }
        }
        throw error("an unknown class [:…:]")
    }

    private static let namedClasses: [(String, ScalarSet)] = [
        ("alpha", ScalarSet([0x41...0x5A, 0x61...0x7A])), ("digit", .digits), ("word", .word), ("space", .space),
        ("alnum", ScalarSet([0x30...0x39, 0x41...0x5A, 0x61...0x7A])), ("upper", ScalarSet([0x41...0x5A])),
        ("lower", ScalarSet([0x61...0x7A])), ("xdigit", ScalarSet([0x30...0x39, 0x41...0x46, 0x61...0x66])),
        ("punct", ScalarSet([0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E])),
        ("blank", ScalarSet([0x09...0x09, 0x20...0x20])), ("cntrl", ScalarSet([0...0x1F, 0x7F...0x7F])),
        ("graph", ScalarSet([0x21...0x7E])), ("print", ScalarSet([0x20...0x7E])), ("ascii", ScalarSet([0...0x7F])),
    ]
}

extension ScalarSet {
    /// The member of a set of one.
    fileprivate var single: UInt32? {
        ranges.count == 1 && ranges[0].count == 1 ? ranges[0].lowerBound : nil
    }
}
