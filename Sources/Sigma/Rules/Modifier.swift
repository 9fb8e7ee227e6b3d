import YAML

/// The value modifiers of the specification, version 2.1. `all` and `neq` concern the whole list and are handled with
/// it; each of the others transforms single values.
enum Modifier: String {
    case all, neq
    case contains, startswith, endswith, cased, windash
    case re
    case ignoreCase = "i"
    case multiline = "m"
    case dotAll = "s"
    case base64, base64offset, wide, utf16, utf16le, utf16be
    case cidr, exists, expand, fieldref
    case lt, lte, gt, gte
    case minute, hour, day, week, month, year

    /// A value may become several, of which one has to match. Modifiers apply in the order they are written.
    func apply(to value: ModifiedValue, isFirst: Bool) throws(RuleError) -> [ModifiedValue] {
        var value = value
        switch self {
        case .all, .neq: break
        case .contains, .startswith, .endswith: value.kind = try opened(value)
        case .cased:
            var pattern = try text(of: value)
            pattern.isCased = true
            value.kind = .text(pattern)
        case .windash:
            guard let patterns = try text(of: value).windowsDashes(limit: Self.permutations) else {
                throw error(value, "more than \(Self.permutations) permutations of dashes")
            }
            return patterns.map { value.replacing(.text($0)) }
        case .base64: value.kind = .text(TextPattern(literal: Base64.encode(try plain(value))))
        case .base64offset:
            return Base64.encodeAtEveryOffset(try plain(value)).map {
                value.replacing(.text(TextPattern(literal: $0)))
            }
        case .wide, .utf16le: value.kind = try encoded(value, bigEndian: false, byteOrderMark: false)
        case .utf16be: value.kind = try encoded(value, bigEndian: true, byteOrderMark: false)
        case .utf16: value.kind = try encoded(value, bigEndian: false, byteOrderMark: true)
        case .re:
            guard isFirst else { throw error(value, "re has to be the first modifier") }
            value.kind = .regex([])
        case .ignoreCase, .multiline, .dotAll:
            guard case .regex(let flags) = value.kind else { throw error(value, "\(rawValue) needs re before it") }
            let flag: RegexFlags = self == .ignoreCase ? .ignoreCase : self == .multiline ? .multiline : .dotAll
            value.kind = .regex(flags.union(flag))
        case .cidr:
            guard isFirst else { throw error(value, "cidr has to be the first modifier") }
            guard case .text = value.kind, let network = Network(value.source) else {
                throw error(value, "\(quoted(value.source)) is not a network such as 10.0.0.0/8 or fe80::/10")
            }
            value.kind = .network(network)
        case .exists:
            guard isFirst, case .boolean(let flag) = value.kind else {
                throw error(value, "exists has to be the first modifier, and its value true or false")
            }
            value.kind = .exists(flag)
        case .expand:
            throw RuleError(
                .unsupported, "expand needs placeholders, and there is no source of them", at: value.position)
        case .fieldref:
            guard case .text(let pattern) = value.kind, let name = pattern.literal, !name.isEmpty else {
                throw error(value, "fieldref needs the name of a field, without wildcards")
            }
            value.kind = .reference(String(decoding: name, as: UTF8.self), .equal)
        case .lt, .lte, .gt, .gte: value.kind = try compared(value)
        case .minute, .hour, .day, .week, .month, .year:
            guard isFirst, case .number(let number) = value.kind, let part = DatePart(rawValue: rawValue) else {
                throw error(value, "\(rawValue) has to be the first modifier, and its value a number")
            }
            value.kind = .datePart(part, .equal, number)
        }
        return [value]
    }

    /// Five dashes, each in five forms.
    private static let permutations = 3_125

    private func error(_ value: ModifiedValue, _ reason: String) -> RuleError {
        RuleError(.modifier, reason, at: value.position)
    }

    /// The value as a string, whatever it resolved to: `CommandLine|contains: 1234` means the digits.
    private func text(of value: ModifiedValue) throws(RuleError) -> TextPattern {
        switch value.kind {
        case .text(let pattern): return pattern
        case .number, .boolean: return TextPattern(literal: Array(value.source.utf8))
        default: throw error(value, "\(rawValue) does not apply to this kind of value")
        }
    }

    private func plain(_ value: ModifiedValue) throws(RuleError) -> [UInt8] {
        guard let bytes = try text(of: value).literal else {
            throw error(value, "\(rawValue) cannot encode wildcards")
        }
        return bytes
    }

    private func opened(_ value: ModifiedValue) throws(RuleError) -> ModifiedValue.Kind {
        switch (value.kind, self) {
        // A search is unanchored by itself.
        case (.regex, .contains): return value.kind
        case (.reference(let field, .equal), _):
            return .reference(field, self == .contains ? .contains : self == .startswith ? .startsWith : .endsWith)
        default:
            var pattern = try text(of: value)
            if self != .startswith { pattern.openStart() }
            if self != .endswith { pattern.openEnd() }
            return .text(pattern)
        }
    }

    private func encoded(_ value: ModifiedValue, bigEndian: Bool, byteOrderMark: Bool) throws(RuleError)
        -> ModifiedValue.Kind
    {
        guard let pattern = try text(of: value).encodedUTF16(bigEndian: bigEndian, byteOrderMark: byteOrderMark) else {
            throw error(value, "\(rawValue) applied to what is encoded already")
        }
        return .text(pattern)
    }

    private func compared(_ value: ModifiedValue) throws(RuleError) -> ModifiedValue.Kind {
        guard let comparison = Comparison(rawValue: rawValue) else { return value.kind }
        switch value.kind {
        case .number(let number): return .comparison(comparison, number)
        case .datePart(let part, .equal, let number): return .datePart(part, comparison, number)
        default: throw error(value, "\(rawValue) needs a number, not \(quoted(value.source))")
        }
    }
}

extension ModifiedValue {
    fileprivate func replacing(_ kind: Kind) -> ModifiedValue {
        var copy = self
        copy.kind = kind
        return copy
    }
}
