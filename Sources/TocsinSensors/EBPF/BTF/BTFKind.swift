/// The kinds of types in a BTF (`linux/btf.h`), and how many 32-bit words each takes.
///
/// All begin with three: where the name is, what it is (`info`), and its size or the type that it refers to.
enum BTFKind: UInt32 {
    case integer = 1
    case pointer, array, structure, union, enumeration
    /// A structure or union that is declared and not described: bit 31 of `info` tells which.
    case declaration
    case typedef, volatile, const, restrict, function, prototype, variable, section
    /// Since 5.13.
    case float
    /// Since 5.16.
    case declarationTag
    /// Since 5.17.
    case typeTag
    /// Since 6.0.
    case enumeration64

    /// nil for what a newer kernel may know: how long it is cannot be told.
    init?(info: UInt32) { self.init(rawValue: info >> 24 & 0x1F) }

    /// Of each member, value, parameter or variable. Its name comes first, but see `section`.
    var elementWords: Int {
        switch self {
        case .structure, .union, .section, .enumeration64: 3
        case .enumeration, .prototype: 2
        default: 0
        }
    }

    /// Between the three and the elements.
    var fixedWords: Int {
        switch self {
        case .integer, .variable, .declarationTag: 1
        case .array: 3
        default: 0
        }
    }

    /// All words of a type.
    func wordCount(info: UInt32) -> Int {
        // Of a function the count is its linkage: its elements have no words.
        3 + fixedWords + Int(info & 0xFFFF) * elementWords
    }

    /// The third word is another type, not a size.
    var refersToType: Bool {
        switch self {
        case .pointer, .typedef, .volatile, .const, .restrict, .prototype, .typeTag: true
        default: false
        }
    }

    /// The second word of an element is a type.
    var hasTypedElements: Bool { isComposite || self == .prototype }

    var isComposite: Bool { self == .structure || self == .union }

    /// Something in memory, or what is said about a type: no type itself.
    var isNoType: Bool {
        switch self {
        case .function, .variable, .section, .declarationTag: true
        default: false
        }
    }
}
