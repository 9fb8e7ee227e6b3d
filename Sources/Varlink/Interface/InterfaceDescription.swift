/// A Varlink interface: its types, methods and errors, and the very text that declares them.
public struct InterfaceDescription: Sendable {
    public let name: String
    public let documentation: String
    /// The text that was parsed; what `GetInterfaceDescription` serves.
    public let text: String
    public let types: [TypeDeclaration]
    public let methods: [MethodDescription]
    public let errors: [ErrorDescription]

    private let typeIndex: [String: Int]
    private let methodIndex: [String: Int]
    private let errorIndex: [String: Int]

    init(
        name: String, documentation: String, text: String, types: [TypeDeclaration], methods: [MethodDescription],
        errors: [ErrorDescription]
    ) {
        self.name = name
        self.documentation = documentation
        self.text = text
        self.types = types
        self.methods = methods
        self.errors = errors
        typeIndex = Self.index(types.map(\.name))
        methodIndex = Self.index(methods.map(\.name))
        errorIndex = Self.index(errors.map(\.name))
    }

    /// The parser lets no name through twice.
    private static func index(_ names: [String]) -> [String: Int] {
        Dictionary(uniqueKeysWithValues: zip(names, names.indices))
    }

    /// By the name without the interface's.
    public func type(_ name: String) -> TypeDeclaration? { typeIndex[name].map { types[$0] } }
    public func method(_ name: String) -> MethodDescription? { methodIndex[name].map { methods[$0] } }
    public func error(_ name: String) -> ErrorDescription? { errorIndex[name].map { errors[$0] } }
}

/// A type of the interface definition language.
public indirect enum VarlinkType: Hashable, Sendable {
    case bool
    case int
    case float
    case string
    /// Any JSON object.
    case object
    /// Any JSON value but null.
    case any
    case structure([Field])
    case enumeration([String])
    case array(VarlinkType)
    case map(VarlinkType)
    case nullable(VarlinkType)
    /// Declared by the interface with `type`.
    case named(String)
}

/// A member of a structure or of a parameter list.
public struct Field: Hashable, Sendable {
    public let name: String
    public let type: VarlinkType
    public let documentation: String

    public init(name: String, type: VarlinkType, documentation: String = "") {
        self.name = name
        self.type = type
        self.documentation = documentation
    }
}

public struct TypeDeclaration: Hashable, Sendable {
    public let name: String
    public let documentation: String
    /// A structure or an enumeration.
    public let type: VarlinkType
}

public struct MethodDescription: Hashable, Sendable {
    public let name: String
    public let documentation: String
    public let input: [Field]
    public let output: [Field]
}

public struct ErrorDescription: Hashable, Sendable {
    public let name: String
    public let documentation: String
    public let parameters: [Field]
}
