/// A scalar: its text, and what the text means.
///
/// Resolution follows the core schema only as far as YAML 1.1 (which PyYAML, and so all Sigma tooling, reads) and
/// YAML 1.2 agree. Where they do not (`yes`, `0755`, `0o17`, `1e5`, `1_000`, `12:30`, dates) the scalar is a string:
/// whoever wrote it gets what is to be read in the file.
public struct YAMLScalar: Hashable, Sendable {
    public enum Value: Hashable, Sendable {
        case null
        case boolean(Bool)
        /// Decimal without leading zeros or hexadecimal, within 64 bits; what is larger is a float.
        case integer(Int64)
        case float(Double)
        case string(String)
    }

    /// The characters as the parser read them: unquoted, unfolded, unescaped.
    public let text: String
    /// False where the scalar was quoted or a block: then it is a string unless a tag says otherwise.
    public let isPlain: Bool
    public let value: Value

    /// A scalar without a tag.
    public init(text: String, isPlain: Bool) {
        self.text = text
        self.isPlain = isPlain
        value = isPlain ? Self.resolve(text) : .string(text)
    }

    /// A scalar with an explicit tag of the core schema; nil where the text does not fit the tag.
    init?(text: String, isPlain: Bool, tag: YAMLTag) {
        let resolved = Self.resolve(text)
        switch (tag, resolved) {
        case (.string, _): value = .string(text)
        case (.null, .null), (.boolean, .boolean), (.integer, .integer), (.float, .float): value = resolved
        case (.float, .integer(let integer)): value = .float(Double(integer))
        default: return nil
        }
        self.text = text
        self.isPlain = isPlain
    }

    public var booleanValue: Bool? { if case .boolean(let value) = value { value } else { nil } }
    public var integerValue: Int64? { if case .integer(let value) = value { value } else { nil } }
    public var stringValue: String? { if case .string(let value) = value { value } else { nil } }

    private static func resolve(_ text: String) -> Value {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .boolean(true)
        case "false", "False", "FALSE": return .boolean(false)
        case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": return .float(.infinity)
        case "-.inf", "-.Inf", "-.INF": return .float(-.infinity)
        case ".nan", ".NaN", ".NAN": return .float(.nan)
        default: return number(text) ?? .string(text)
        }
    }

    private static func number(_ text: String) -> Value? {
        let characters = Array(text.utf8)
        let unsigned =
            characters.first.map { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") } == true
            ? characters.dropFirst() : characters[...]
        if unsigned.starts(with: "0x".utf8), unsigned.count == characters.count, unsigned.count > 2 {
            guard unsigned.dropFirst(2).allSatisfy(isHexDigit) else { return nil }
            return Int64(String(decoding: unsigned.dropFirst(2), as: UTF8.self), radix: 16).map { .integer($0) }
        }
        let whole = unsigned.prefix(while: isDigit)
        // 0755 is octal to YAML 1.1 and decimal to YAML 1.2.
        if whole.count > 1, whole.first == UInt8(ascii: "0") { return nil }
        if whole.count == unsigned.count, !whole.isEmpty {
            return Int64(text).map { .integer($0) } ?? Double(text).map { .float($0) }
        }
        var rest = unsigned.dropFirst(whole.count)
        guard rest.popFirst() == UInt8(ascii: ".") else { return nil }
        let fraction = rest.prefix(while: isDigit)
        rest = rest.dropFirst(fraction.count)
        guard !whole.isEmpty || !fraction.isEmpty else { return nil }
        if let exponent = rest.popFirst() {
            // YAML 1.1 demands the exponent's sign.
            guard exponent | 0x20 == UInt8(ascii: "e"), let sign = rest.popFirst(),
                sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"), !rest.isEmpty, rest.allSatisfy(isDigit)
            else { return nil }
        }
        return Double(text).map { .float($0) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        isDigit(byte) || (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "f"))
    }
}

/// The tags of the core schema; no other tag has a meaning here.
enum YAMLTag: String {
    case string = "tag:yaml.org,2002:str"
    case null = "tag:yaml.org,2002:null"
    case boolean = "tag:yaml.org,2002:bool"
    case integer = "tag:yaml.org,2002:int"
    case float = "tag:yaml.org,2002:float"
    case sequence = "tag:yaml.org,2002:seq"
    case mapping = "tag:yaml.org,2002:map"
}
