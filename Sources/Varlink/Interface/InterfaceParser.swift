extension InterfaceDescription {
    /// Reads the text of an `INTERFACE.varlink` file.
    ///
    /// Checked beyond the grammar: names are unique, every type that is named is declared, the text is UTF-8.
    public init(parsing bytes: [UInt8]) throws(InterfaceError) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw InterfaceError(line: 1, column: 1, expected: "UTF-8")
        }
        var parser = InterfaceParser(bytes)
        self = try parser.interface(text: text)
    }

    public init(parsing text: String) throws(InterfaceError) {
        try self.init(parsing: Array(text.utf8))
    }
}

/// The grammar of the interface definition language, read from left to right.
struct InterfaceParser {
    /// How deep types may nest: a description also comes from servers that are not trusted.
    static let maximumDepth = 32

    private var scanner: InterfaceScanner
    private var depth = 0
    private var memberNames: Set<String> = []
    private var types: [TypeDeclaration] = []
    private var methods: [MethodDescription] = []
    private var errors: [ErrorDescription] = []
    /// Types that were named, and where: declarations may follow their use.
    private var references: [(name: String, offset: Int)] = []

    init(_ bytes: [UInt8]) { scanner = InterfaceScanner(bytes) }

    mutating func interface(text: String) throws(InterfaceError) -> InterfaceDescription {
        let documentation = scanner.documentation
        guard scanner.word() == "interface" else { throw scanner.expected("'interface'") }
        scanner.skip("interface")
        let name = try scanner.interfaceName()
        while !scanner.isAtEnd { try member() }
        let declared = Set(types.map(\.name))
        for reference in references where !declared.contains(reference.name) {
            throw scanner.expected("a type that is declared, not '\(reference.name)'", at: reference.offset)
        }
        return InterfaceDescription(
            name: name, documentation: documentation, text: text, types: types, methods: methods, errors: errors)
    }

    // MARK: Members

    private mutating func member() throws(InterfaceError) {
        guard scanner.isAfterLineBreak else { throw scanner.expected("a line break") }
        let documentation = scanner.documentation
        let keyword = scanner.word()
        switch keyword {
        case "type":
            scanner.skip(keyword)
            let name = try memberName(of: "a type")
            let type = try braces()
            types.append(TypeDeclaration(name: name, documentation: documentation, type: type))
        case "method":
            scanner.skip(keyword)
            let name = try memberName(of: "a method")
            let input = try structure()
            try scanner.expect("->")
            let output = try structure()
            methods.append(
                MethodDescription(name: name, documentation: documentation, input: input, output: output))
        case "error":
            scanner.skip(keyword)
            let name = try memberName(of: "an error")
            let parameters = try structure()
            errors.append(ErrorDescription(name: name, documentation: documentation, parameters: parameters))
        default:
            throw scanner.expected("'type', 'method' or 'error'")
        }
    }

    /// Types, methods and errors share one name space.
    private mutating func memberName(of what: String) throws(InterfaceError) -> String {
        let offset = scanner.offset
        let name = try scanner.name(of: what)
        guard memberNames.insert(name).inserted else {
            throw scanner.expected("a name that is not taken, not '\(name)'", at: offset)
        }
        return name
    }

    // MARK: Types

    private mutating func type() throws(InterfaceError) -> VarlinkType {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else {
            throw scanner.expected("at most \(Self.maximumDepth) levels of nested types")
        }
        let offset = scanner.offset
        if scanner.take("?") {
            let inner = try type()
            if case .nullable = inner { throw scanner.expected("one '?'", at: offset) }
            return .nullable(inner)
        }
        if scanner.take("[]") { return .array(try type()) }
        if scanner.take("[string]") { return .map(try type()) }
        if scanner.bytes[offset...].first == UInt8(ascii: "(") { return try braces() }
        let word = scanner.word()
        switch word {
        case "bool": return simple(.bool, word)
        case "int": return simple(.int, word)
        case "float": return simple(.float, word)
        case "string": return simple(.string, word)
        case "object": return simple(.object, word)
        case "any": return simple(.any, word)
        default:
            guard let first = word.utf8.first, first >= UInt8(ascii: "A"), first <= UInt8(ascii: "Z") else {
                throw scanner.expected("a type")
            }
            references.append((word, offset))
            return simple(.named(word), word)
        }
    }

    private mutating func simple(_ type: VarlinkType, _ word: String) -> VarlinkType {
        scanner.skip(word)
        return type
    }

    private mutating func structure() throws(InterfaceError) -> [Field] {
        let offset = scanner.offset
        guard case .structure(let fields) = try braces() else {
            throw scanner.expected("fields with types", at: offset)
        }
        return fields
    }

    /// A structure or an enumeration: which of them, its first field tells.
    private mutating func braces() throws(InterfaceError) -> VarlinkType {
        try scanner.expect("(")
        if scanner.take(")") { return .structure([]) }
        var fields: [Field] = []
        var values: [String] = []
        var names: Set<String> = []
        repeat {
            let documentation = scanner.documentation
            let offset = scanner.offset
            let name = try scanner.fieldName()
            guard names.insert(name).inserted else {
                throw scanner.expected("a name that is not taken, not '\(name)'", at: offset)
            }
            if values.isEmpty && (!fields.isEmpty || scanner.bytes[scanner.offset...].first == UInt8(ascii: ":")) {
                try scanner.expect(":")
                fields.append(Field(name: name, type: try type(), documentation: documentation))
            } else {
                values.append(name)
            }
        } while scanner.take(",")
        guard scanner.take(")") else { throw scanner.expected("',' or ')'") }
        return values.isEmpty ? .structure(fields) : .enumeration(values)
    }
}
