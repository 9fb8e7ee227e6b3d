import JSON

/// A parameter that is not what the interface declares.
public struct ParameterMismatch: Error, Hashable, Sendable, CustomStringConvertible {
    /// The way to the value, such as `filter.types[2]`; its first part names the parameter.
    public let parameter: String
    /// What the interface declares there.
    public let expected: String

    public var description: String { "\(parameter): expected \(expected)" }
}

extension InterfaceDescription {
    /// What to do about members that are not declared: services refuse them in calls, clients ignore them in replies.
    public enum Undeclared: Sendable { case refused, ignored }

    /// Compares parameters with the fields of a method or an error; nil when they agree.
    ///
    /// For a nullable field absent and null are the same. Nesting is bounded by that of the value, which the JSON
    /// parser bounded. A whole number is also a `float`; a number with a fraction or beyond 64 bits is no `int`.
    public func mismatch(
        of parameters: JSONObject, with fields: [Field], undeclared: Undeclared = .refused
    ) -> ParameterMismatch? {
        do throws(ParameterMismatch) {
            try check(parameters, fields, undeclared)
            return nil
        } catch {
            return error
        }
    }

    private func check(
        _ object: JSONObject, _ fields: [Field], _ undeclared: Undeclared
    ) throws(ParameterMismatch) {
        var present = 0
        for (name, value) in object.members {
            guard let field = fields.first(where: { $0.name == name }) else {
                if undeclared == .ignored { continue }
                throw ParameterMismatch(parameter: name, expected: "no parameter of this name")
            }
            present += 1
            do throws(ParameterMismatch) {
                try check(value, field.type, undeclared)
            } catch {
                throw error.within(name)
            }
        }
        // Names are unique: as many as there are fields means all of them.
        guard present < fields.count else { return }
        for field in fields where object[field.name] == nil {
            if case .nullable = field.type { continue }
            throw ParameterMismatch(parameter: field.name, expected: "\(describe(field.type)), not nothing")
        }
    }

    private func check(
        _ value: JSONValue, _ type: VarlinkType, _ undeclared: Undeclared
    ) throws(ParameterMismatch) {
        switch (type, value) {
        case (.bool, .boolean), (.int, .integer), (.float, .integer), (.float, .number), (.string, .string),
            (.object, .object):
            return
        case (.nullable(let inner), _):
            if case .null = value { return }
            try check(value, inner, undeclared)
            return
        case (.any, _):
            if case .null = value { break }
            return
        case (.named(let name), _):
            // The parser lets no undeclared type through.
            guard let declaration = self.type(name) else { break }
            try check(value, declaration.type, undeclared)
            return
        case (.enumeration(let values), .string(let text)):
            if values.contains(text) { return }
        case (.structure(let fields), .object(let object)):
            try check(object, fields, undeclared)
            return
        case (.array(let element), .array(let elements)):
            for (index, value) in elements.enumerated() {
                do throws(ParameterMismatch) {
                    try check(value, element, undeclared)
                } catch {
                    throw error.within(index)
                }
            }
            return
        case (.map(let element), .object(let object)):
            for (name, value) in object.members {
                do throws(ParameterMismatch) {
                    try check(value, element, undeclared)
                } catch {
                    throw error.within(name)
                }
            }
            return
        default:
            break
        }
        throw ParameterMismatch(parameter: "", expected: describe(type))
    }

    private func describe(_ type: VarlinkType) -> String {
        switch type {
        case .bool: "true or false"
        case .int: "an integer of 64 bits"
        case .float: "a number"
        case .string: "a string"
        case .object, .structure, .map: "an object"
        case .any: "a value"
        case .enumeration(let values): "one of \(values.joined(separator: ", "))"
        case .array: "an array"
        case .nullable(let inner): "\(describe(inner)) or null"
        case .named(let name): self.type(name).map { describe($0.type) } ?? name
        }
    }
}

extension ParameterMismatch {
    fileprivate func within(_ name: String) -> ParameterMismatch {
        let separator = parameter.isEmpty || parameter.hasPrefix("[") ? "" : "."
        return ParameterMismatch(parameter: name + separator + parameter, expected: expected)
    }

    fileprivate func within(_ index: Int) -> ParameterMismatch {
        let separator = parameter.isEmpty || parameter.hasPrefix("[") ? "" : "."
        return ParameterMismatch(parameter: "[\(index)]" + separator + parameter, expected: expected)
    }
}
