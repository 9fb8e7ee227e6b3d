import JSON

/// What a member holds: a part of a tree, or of a text, of which what is asked for is taken apart and the rest never.
///
/// The errors are about the value itself; who knows its name adds it.
enum MemberValue {
    case tree(JSONValue)
    case text(JSONText)

    /// A member of an object. Absent and null are equal.
    subscript(_ name: String) -> MemberValue? {
        switch self {
        case .tree(let value):
            guard let member = value.objectValue?[name], !member.isNull else { return nil }
            return .tree(member)
        case .text(let text):
            guard let member = text[name], !member.isNull else { return nil }
            return .text(member)
        }
    }

    /// What is made of the elements of an array; nil where this is none.
    /// - Parameter count: More of them are passed over.
    func elements<Result>(
        first count: Int, _ read: (Int, MemberValue) throws(MemberError) -> Result
    ) throws(MemberError) -> [Result]? {
        var results: [Result] = []
        switch self {
        case .tree(let value):
            guard let elements = value.arrayValue else { return nil }
            for element in elements.prefix(count) { results.append(try read(results.count, .tree(element))) }
        case .text(let text):
            guard let elements = text.elements else { return nil }
            for element in elements.prefix(count) { results.append(try read(results.count, .text(element))) }
        }
        return results
    }

    var tree: JSONValue {
        switch self {
        case .tree(let value): value
        case .text(let text): text.value
        }
    }

    var boolean: Bool? {
        switch self {
        case .tree(let value): value.booleanValue
        case .text(let text): text.booleanValue
        }
    }

    func string() throws(MemberError) -> String {
        let string =
            switch self {
            case .tree(let value): value.stringValue
            case .text(let text): text.stringValue
            }
        guard let string else { throw MemberError(member: "", expected: "a string") }
        return string
    }

    /// A string's bytes.
    func utf8() throws(MemberError) -> ByteString {
        // Without making a string of it first.
        if case .text(let text) = self, let bytes = text.stringBytes { return ByteString(bytes) }
        return ByteString(try string())
    }

    /// The bytes that a string stands for.
    func base64() throws(MemberError) -> ByteString {
        guard let bytes = Base64.decode(try string()) else { throw MemberError(member: "", expected: "base64") }
        return ByteString(bytes)
    }

    func integer<Integer: FixedWidthInteger>() throws(MemberError) -> Integer {
        let integer =
            switch self {
            case .tree(let value): value.integerValue
            case .text(let text): text.integerValue
            }
        guard let integer else { throw MemberError(member: "", expected: "an integer") }
        guard let exact = Integer(exactly: integer) else {
            // Varlink's own integers end at Int64.max, whatever the type here.
            let upper = Int64(exactly: Integer.max) ?? .max
            throw MemberError(member: "", expected: "an integer from \(Integer.min) to \(upper)")
        }
        return exact
    }
}
