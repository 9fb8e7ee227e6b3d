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
    private enum Source {
        case object(JSONObject)
        /// What is asked for is taken apart, the rest never.
        case text(JSONText)
    }

    private let source: Source

    package init(_ value: JSONValue) throws(MemberError) {
        guard let object = value.objectValue else { throw MemberError(member: "", expected: "an object") }
        source = .object(object)
    }

    package init(_ object: JSONObject) { source = .object(object) }

    package init(_ text: JSONText) throws(MemberError) {
        guard text.kind == .object else { throw MemberError(member: "", expected: "an object") }
        source = .text(text)
    }

    package func value(_ name: String) -> JSONValue? {
        let value =
            switch source {
            case .object(let object): object[name]
            case .text(let text): text.value(of: name)
            }
        return value == .null ? nil : value
    }

    /// A member that is an object, for what reads its members; errors name it.
    package func object<Result>(
        _ name: String, _ read: (MemberReader) throws(MemberError) -> Result
    ) throws(MemberError) -> Result? {
        switch source {
        case .object(let object):
            guard let value = object[name], value != .null else { return nil }
            do { return try read(MemberReader(value)) } catch { throw error.inside(name) }
        case .text(let text):
            guard let value = text[name], !value.isNull else { return nil }
            do { return try read(MemberReader(value)) } catch { throw error.inside(name) }
        }
    }

    /// A member that is an array of objects.
    /// - Parameter count: More of them are passed over.
    package func objects<Result>(
        _ name: String, first count: Int = .max, _ read: (MemberReader) throws(MemberError) -> Result
    ) throws(MemberError) -> [Result]? {
        var results: [Result] = []
        switch source {
        case .object:
            guard let values = try array(name) else { return nil }
            for (index, value) in values.prefix(count).enumerated() {
                do { results.append(try read(MemberReader(value))) } catch { throw error.inside("\(name)[\(index)]") }
            }
        case .text(let text):
            guard let value = text[name], !value.isNull else { return nil }
            guard let elements = value.elements else { throw MemberError(member: name, expected: "an array") }
            for (index, element) in elements.prefix(count).enumerated() {
                do { results.append(try read(MemberReader(element))) } catch { throw error.inside("\(name)[\(index)]") }
            }
        }
        return results
    }

    // MARK: Optional members

    package func string(_ name: String) throws(MemberError) -> String? {
        guard let value = value(name) else { return nil }
        guard let string = value.stringValue else { throw MemberError(member: name, expected: "a string") }
        return string
    }

    package func boolean(_ name: String) throws(MemberError) -> Bool? {
        guard let value = value(name) else { return nil }
        guard let boolean = value.booleanValue else { throw MemberError(member: name, expected: "true or false") }
        return boolean
    }

    package func integer<Integer: FixedWidthInteger>(
        _ name: String, as type: Integer.Type = Integer.self
    ) throws(MemberError) -> Integer? {
        guard let value = value(name) else { return nil }
        return try Self.integer(value, name)
    }

    /// The same of the type that most are, for other modules' hot paths: the compiler specializes it here.
    package func count(_ name: String) throws(MemberError) -> UInt64? { try integer(name) }

    /// 64 bits of any meaning, such as an inode number: Varlink's integers are signed, so the sign is the highest bit.
    package func bits(_ name: String) throws(MemberError) -> UInt64? {
        try integer(name, as: Int64.self).map(UInt64.init(bitPattern:))
    }

    package func strings(_ name: String) throws(MemberError) -> [String]? {
        guard let values = try array(name) else { return nil }
        var strings: [String] = []
        strings.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            guard let string = value.stringValue else {
                throw MemberError(member: "\(name)[\(index)]", expected: "a string")
            }
            strings.append(string)
        }
        return strings
    }

    package func integers<Integer: FixedWidthInteger>(
        _ name: String, as type: Integer.Type = Integer.self
    ) throws(MemberError) -> [Integer]? {
        guard let values = try array(name) else { return nil }
        var integers: [Integer] = []
        integers.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            integers.append(try Self.integer(value, "\(name)[\(index)]"))
        }
        return integers
    }

    package func array(_ name: String) throws(MemberError) -> [JSONValue]? {
        guard let value = value(name) else { return nil }
        guard let array = value.arrayValue else { throw MemberError(member: name, expected: "an array") }
        return array
    }

    /// Text whose exact bytes, where it is not UTF-8, are in the member `base64`.
    package func text(_ name: String, base64: String) throws(MemberError) -> ByteString? {
        guard let encoded = try string(base64) else { return try string(name).map { ByteString($0) } }
        return ByteString(try Self.decode(encoded, base64))
    }

    package func texts(_ name: String, base64: String) throws(MemberError) -> [ByteString]? {
        guard let encoded = try strings(base64) else { return try strings(name)?.map { ByteString($0) } }
        var texts: [ByteString] = []
        texts.reserveCapacity(encoded.count)
        for (index, text) in encoded.enumerated() {
            texts.append(ByteString(try Self.decode(text, "\(base64)[\(index)]")))
        }
        return texts
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

    // MARK: Private

    private static func integer<Integer: FixedWidthInteger>(
        _ value: JSONValue, _ name: String
    ) throws(MemberError) -> Integer {
        guard let integer = value.integerValue else { throw MemberError(member: name, expected: "an integer") }
        guard let exact = Integer(exactly: integer) else {
            // Varlink's own integers end at Int64.max, whatever the type here.
            let upper = Int64(exactly: Integer.max) ?? .max
            throw MemberError(member: name, expected: "an integer from \(Integer.min) to \(upper)")
        }
        return exact
    }

    private static func decode(_ text: String, _ name: String) throws(MemberError) -> [UInt8] {
        guard let bytes = Base64.decode(text) else { throw MemberError(member: name, expected: "base64") }
        return bytes
    }
}
