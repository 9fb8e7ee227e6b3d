package import JSON

/// Why JSON is not what the interface declares: which member, and what was expected there.
public struct MemberError: Error, Hashable, CustomStringConvertible {
    /// Where, as in `event.process.arguments[2]`.
    public private(set) var member: String
    /// What was expected, as in "a string".
    public var expected: String

    package init(member: String, expected: String) {
        self.member = member
        self.expected = expected
    }

    /// The same error seen from outside. The path is put together only where something is wrong.
    package func inside(_ outer: String) -> MemberError {
        if member.isEmpty { return MemberError(member: outer, expected: expected) }
        return MemberError(member: outer + (member.hasPrefix("[") ? "" : ".") + member, expected: expected)
    }

    public var description: String { "\(member): expected \(expected)" }
}

/// Takes typed members out of a JSON object: absent and null are equal, unknown members are passed over, and what has
/// the wrong type is an error that names the member.
package struct MemberReader {
    private let source: MemberValue

    package init(_ value: JSONValue) throws(MemberError) {
        guard case .object = value else { throw MemberError(member: "", expected: "an object") }
        source = .tree(value)
    }

    package init(_ object: JSONObject) { source = .tree(.object(object)) }

    package init(_ text: JSONText) throws(MemberError) {
        guard text.kind == .object else { throw MemberError(member: "", expected: "an object") }
        source = .text(text)
    }

    private init(_ value: MemberValue) throws(MemberError) {
        switch value {
        case .tree(let value): try self.init(value)
        case .text(let text): try self.init(text)
        }
    }

    package func value(_ name: String) -> JSONValue? { source[name]?.tree }

    /// A member that is an object, for what reads its members; errors name it.
    package func object<Result>(
        _ name: String, _ read: (MemberReader) throws(MemberError) -> Result
    ) throws(MemberError) -> Result? {
        guard let value = source[name] else { return nil }
        do { return try read(MemberReader(value)) } catch { throw error.inside(name) }
    }

    /// A member that is an array of objects.
    /// - Parameter count: More of them are passed over.
    package func objects<Result>(
        _ name: String, first count: Int = .max, _ read: (MemberReader) throws(MemberError) -> Result
    ) throws(MemberError) -> [Result]? {
        try elements(name, first: count) { value throws(MemberError) in try read(MemberReader(value)) }
    }

    /// The elements of a member, taken one by one; errors name member and index.
    private func elements<Result>(
        _ name: String, first count: Int = .max, _ read: (MemberValue) throws(MemberError) -> Result
    ) throws(MemberError) -> [Result]? {
        guard let value = source[name] else { return nil }
        let results = try value.elements(first: count) { (index, element) throws(MemberError) in
            do throws(MemberError) { return try read(element) } catch { throw error.inside("\(name)[\(index)]") }
        }
        guard let results else { throw MemberError(member: name, expected: "an array") }
        return results
    }

    // MARK: Optional members

    package func string(_ name: String) throws(MemberError) -> String? {
        guard let value = source[name] else { return nil }
        do { return try value.string() } catch { throw error.inside(name) }
    }

    package func boolean(_ name: String) throws(MemberError) -> Bool? {
        guard let value = source[name] else { return nil }
        guard let boolean = value.boolean else { throw MemberError(member: name, expected: "true or false") }
        return boolean
    }

    package func integer<Integer: FixedWidthInteger>(
        _ name: String, as type: Integer.Type = Integer.self
    ) throws(MemberError) -> Integer? {
        guard let value = source[name] else { return nil }
        do { return try value.integer() } catch { throw error.inside(name) }
    }

    /// The same of the type that most are, for other modules' hot paths: the compiler specializes it here.
    package func count(_ name: String) throws(MemberError) -> UInt64? { try integer(name) }

    /// 64 bits of any meaning, such as an inode number: Varlink's integers are signed, so the sign is the highest bit.
    package func bits(_ name: String) throws(MemberError) -> UInt64? {
        try integer(name, as: Int64.self).map(UInt64.init(bitPattern:))
    }

    package func strings(_ name: String) throws(MemberError) -> [String]? {
        try elements(name) { value throws(MemberError) in try value.string() }
    }

    package func integers<Integer: FixedWidthInteger>(
        _ name: String, as type: Integer.Type = Integer.self
    ) throws(MemberError) -> [Integer]? {
        try elements(name) { value throws(MemberError) in try value.integer() }
    }

    package func array(_ name: String) throws(MemberError) -> [JSONValue]? {
        guard let value = value(name) else { return nil }
        guard let array = value.arrayValue else { throw MemberError(member: name, expected: "an array") }
        return array
    }

    /// Text whose exact bytes, where it is not UTF-8, are in the member `base64`.
    package func text(_ name: String, base64: String) throws(MemberError) -> ByteString? {
        if let value = source[base64] {
            do { return try value.base64() } catch { throw error.inside(base64) }
        }
        guard let value = source[name] else { return nil }
        do { return try value.utf8() } catch { throw error.inside(name) }
    }

    package func texts(_ name: String, base64: String) throws(MemberError) -> [ByteString]? {
        if let texts = try elements(base64, { value throws(MemberError) in try value.base64() }) { return texts }
        return try elements(name) { value throws(MemberError) in try value.utf8() }
    }

    // MARK: Required members

    package func required(string name: String) throws(MemberError) -> String {
        guard let string = try string(name) else { throw MemberError(member: name, expected: "a string") }
        return string
    }

    package func required<Integer: FixedWidthInteger>(
        integer name: String, as type: Integer.Type = Integer.self
    ) throws(MemberError) -> Integer {
        guard let integer = try integer(name, as: type) else { throw MemberError(member: name, expected: "an integer") }
        return integer
    }

    package func required(cursor name: String) throws(MemberError) -> Cursor {
        guard let cursor = try cursor(name) else { throw MemberError(member: name, expected: "a cursor") }
        return cursor
    }

    package func cursor(_ name: String) throws(MemberError) -> Cursor? {
        guard let text = try string(name) else { return nil }
        guard let cursor = Cursor(text) else {
            throw MemberError(member: name, expected: "a cursor (16 hexadecimal digits, a colon, a number)")
        }
        return cursor
    }
}
