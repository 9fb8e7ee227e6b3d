import JSON
import Sigma

/// `rules test`: evaluates recorded events against rules, without a daemon.
///
/// An event is one line of JSON, `{"id":…,"category":…,"fields":{…}}`; members beyond these are ignored. The answer is
/// one line as well, `{"id":…,"rules":[…]}`: the sorted ids of all rules about single events that match. An event has
/// no time, so correlations are not evaluated, and the rules they refer to are answered like any other.
public struct RuleTest {
    public let rules: RuleSet
    private var evaluator: Evaluator
    private var values: FieldValues
    private var matches: [Int] = []

    /// - Parameter product: that of the events; they say only their category.
    public init(_ collection: RuleCollection, product: String = "linux") {
        var categories: Set<String> = []
        for rule in collection.rules {
            if case .detection(let detection) = rule.body, let category = detection.logsource.category {
                categories.insert(category)
            }
        }
        rules = RuleSet(collection, streams: categories.sorted().map { LogSource(category: $0, product: product) })
        evaluator = Evaluator(rules)
        values = FieldValues(for: rules)
    }

    public mutating func evaluate(line: [UInt8]) throws(RuleTestError) -> [UInt8] {
        let event: JSONValue
        do { event = try JSONValue(parsing: line) } catch { throw RuleTestError(reason: error.description) }
        guard let members = event.objectValue else { throw RuleTestError(reason: "expected an object") }
        guard let id = members["id"] else { throw RuleTestError(reason: "member id is missing") }
        guard let category = members["category"]?.stringValue else {
            throw RuleTestError(reason: "expected a string as category")
        }
        guard let fields = members["fields"]?.objectValue else {
            throw RuleTestError(reason: "expected an object as fields")
        }
        matches.removeAll(keepingCapacity: true)
        if let stream = rules.streams.firstIndex(where: { $0.category == category }) {
            values.removeAll()
            for (name, value) in fields.members { try values.add(value, to: rules.field(name), named: name) }
            evaluator.evaluate(values, stream: stream, into: &matches)
        }
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("id")
        writer.value(id)
        writer.member("rules", matches.map { rules.rules[$0].identifier }.sorted())
        writer.endObject()
        return writer.bytes
    }

    /// Evaluates a file of events.
    ///
    /// - Parameters:
    ///   - output: gets one line for each event, without its newline.
    ///   - complaint: gets one line for each line that is no event, and one where the file cannot be read.
    /// - Returns: whether every line was an event.
    public mutating func evaluate(
        file path: String, output: ([UInt8]) -> Void, complaint: (String) -> Void
    ) -> Bool {
        var number = 0
        var isSound = true
        let failure = LineReader.forEachLine(of: path) { line in
            number += 1
            guard line.contains(where: { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\r") }) else { return }
            do throws(RuleTestError) { output(try evaluate(line: line)) } catch {
                isSound = false
                complaint("\(path):\(number): \(error.reason)")
            }
        }
        if let failure { complaint("\(path): \(failure)") }
        return isSound && failure == nil
    }
}

/// Why a line is no event.
public struct RuleTestError: Error, Hashable, Sendable {
    public let reason: String
}

extension FieldValues {
    fileprivate mutating func add(_ value: JSONValue, to field: FieldID?, named name: String) throws(RuleTestError) {
        switch value {
        case .null: addNull(field)
        case .boolean(let boolean): add(field, boolean: boolean)
        case .integer(let integer): add(field, integer: integer)
        case .number(let number): add(field, double: number)
        case .string(let text): add(field, text)
        case .array(let elements):
            for element in elements {
                guard element.arrayValue == nil else { throw Self.unfit(name) }
                try add(element, to: field, named: name)
            }
        case .object: throw Self.unfit(name)
        }
    }

    private static func unfit(_ name: String) -> RuleTestError {
        RuleTestError(reason: "field \(printable(name)): expected a value or a list of values")
    }
}
