/// A field that some rule names, as an index. Valid for the rule set that gave it out.
public struct FieldID: Hashable, Sendable {
    let index: Int
}

/// The fields of one event, flat: filled by the caller, evaluated, emptied and filled again without allocating.
///
/// A field that is never added is missing; one that is added several times is a list, which matches where any element
/// does. Text should be UTF-8: what is not is replaced by U+FFFD, so that a stray byte is one character to every rule
/// and hides nothing. Booleans are the texts `true` and `false`; numbers are also their decimal text.
public struct FieldValues: Sendable {
    struct Entry {
        /// Where the text stands; nil for null.
        var text: Range<Int>?
        var number: SigmaNumber?
        /// The next element of the same field, or -1.
        var next = -1
    }

    /// The first element of each field, or -1.
    private(set) var heads: [Int]
    private var tails: [Int]
    private(set) var entries: [Entry] = []
    private(set) var bytes: [UInt8] = []
    /// Whether values of fields that no rule names can matter: keywords look into all of them.
    private let keepsUnnamed: Bool

    public init(for rules: RuleSet) {
        heads = Array(repeating: -1, count: rules.fieldNames.count)
        tails = heads
        keepsUnnamed = rules.hasKeywords
        entries.reserveCapacity(16)
        bytes.reserveCapacity(1_024)
    }

    /// Forgets the event and keeps the memory.
    public mutating func removeAll() {
        for index in heads.indices { heads[index] = -1 }
        entries.removeAll(keepingCapacity: true)
        bytes.removeAll(keepingCapacity: true)
    }

    /// - Parameter field: nil for a field that no rule names.
    public mutating func add(_ field: FieldID?, utf8 text: UnsafeRawBufferPointer) {
        guard wants(field) else { return }
        let start = bytes.count
        if text.isValidUTF8 {
            bytes.append(contentsOf: text)
        } else {
            bytes.append(contentsOf: String(decoding: text, as: UTF8.self).utf8)
        }
        append(Entry(text: start..<bytes.count), to: field)
    }

    public mutating func add(_ field: FieldID?, _ text: [UInt8]) {
        text.withUnsafeBytes { add(field, utf8: $0) }
    }

    public mutating func add(_ field: FieldID?, _ text: String) {
        var text = text
        text.withUTF8 { add(field, utf8: UnsafeRawBufferPointer($0)) }
    }

    public mutating func add(_ field: FieldID?, integer: Int64) { add(field, SigmaNumber(integer)) }
    public mutating func add(_ field: FieldID?, double: Double) { add(field, SigmaNumber(double)) }
    public mutating func add(_ field: FieldID?, boolean: Bool) { add(field, boolean ? "true" : "false") }

    /// A field that is there and holds nothing.
    public mutating func addNull(_ field: FieldID?) {
        guard wants(field) else { return }
        append(Entry(), to: field)
    }

    private mutating func add(_ field: FieldID?, _ number: SigmaNumber) {
        guard wants(field) else { return }
        let start = bytes.count
        bytes.append(contentsOf: number.text.utf8)
        append(Entry(text: start..<bytes.count, number: number), to: field)
    }

    private func wants(_ field: FieldID?) -> Bool { field != nil || keepsUnnamed }

    private mutating func append(_ entry: Entry, to field: FieldID?) {
        if let field {
            if heads[field.index] < 0 {
                heads[field.index] = entries.count
            } else {
                entries[tails[field.index]].next = entries.count
            }
            tails[field.index] = entries.count
        }
        entries.append(entry)
    }

    /// The first text of a field.
    func text(of field: FieldID) -> ArraySlice<UInt8>? {
        var index = heads[field.index]
        while index >= 0 {
            if let range = entries[index].text { return bytes[range] }
            index = entries[index].next
        }
        return nil
    }
}

extension UnsafeRawBufferPointer {
    fileprivate var isValidUTF8: Bool {
        var index = 0
        while index + 8 <= count {
            guard loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 == 0 else { break }
            index += 8
        }
        while index < count, self[index] < 0x80 { index += 1 }
        return index == count || String(validating: self[index...], as: UTF8.self) != nil
    }
}
