/// Reads the documents of a YAML stream.
///
/// Stricter than YAML where leniency only hides mistakes: a duplicate key, a key that is no scalar, a merge key (`<<`)
/// and a tag outside the core schema are errors.
public func parseYAML(_ text: some Collection<UInt8>, limits: YAMLLimits = YAMLLimits()) throws(YAMLError) -> [YAMLNode]
{
    let bytes = Array(text)
    guard bytes.count <= limits.bytes else {
        throw YAMLError(
            "the text has \(bytes.count) bytes, expected at most \(limits.bytes)", at: YAMLPosition(line: 1, column: 1))
    }
    if let offset = firstInvalidUTF8(in: bytes) {
        throw YAMLError(
            "byte 0x\(String(bytes[offset], radix: 16)) is not UTF-8", at: position(ofByte: offset, in: bytes))
    }
    var composer = Composer(limits: limits)
    return try composer.compose(bytes)
}

/// Reads the documents of a YAML stream.
public func parseYAML(_ text: String, limits: YAMLLimits = YAMLLimits()) throws(YAMLError) -> [YAMLNode] {
    try parseYAML(text.utf8, limits: limits)
}

/// Builds nodes from libyaml's events.
///
/// libyaml's own document loader is not used: it knows neither a bound on nesting nor duplicate keys.
private struct Composer {
    let limits: YAMLLimits
    private var nodes = 0
    /// What the current document's anchors name, and how many nodes that is.
    private var anchors: [String: (node: YAMLNode, size: Int)] = [:]

    init(limits: YAMLLimits) { self.limits = limits }

    mutating func compose(_ bytes: [UInt8]) throws(YAMLError) -> [YAMLNode] {
        let stream = try EventStream(bytes)
        var documents: [YAMLNode] = []
        _ = try stream.next()  // The stream's start.
        while true {
            let event = try stream.next()
            guard case .documentStart = event.kind else { return documents }
            anchors.removeAll()
            documents.append(try node(from: try stream.next(), of: stream, depth: 0))
            _ = try stream.next()  // The document's end.
        }
    }

    private mutating func node(from event: Event, of stream: borrowing EventStream, depth: Int) throws(YAMLError)
        -> YAMLNode
    {
        let before = nodes
        try charge(1, at: event.position)
        let node: YAMLNode
        switch event.kind {
        case .alias(let name):
            guard let (target, size) = anchors[name] else {
                throw YAMLError("alias *\(name) names no anchor that is complete before it", at: event.position)
            }
            try charge(size - 1, at: event.position)
            return YAMLNode(target.content, at: event.position)
        case .scalar(let text, let isPlain):
            node = YAMLNode(.scalar(try scalar(text, isPlain: isPlain, event)), at: event.position)
        case .sequenceStart:
            try expectTag(.sequence, of: event, depth: depth)
            node = YAMLNode(.sequence(try sequence(of: stream, depth: depth + 1)), at: event.position)
        case .mappingStart:
            try expectTag(.mapping, of: event, depth: depth)
            node = YAMLNode(.mapping(try mapping(of: stream, depth: depth + 1)), at: event.position)
        case .streamStart, .streamEnd, .documentStart, .documentEnd, .collectionEnd:
            throw YAMLError("expected a value", at: event.position)
        }
        if let anchor = event.anchor { anchors[anchor] = (node, nodes - before) }
        return node
    }

    private func scalar(_ text: String, isPlain: Bool, _ event: Event) throws(YAMLError) -> YAMLScalar {
        // The tag `!` says: not resolved, a string.
        guard let name = event.tag else { return YAMLScalar(text: text, isPlain: isPlain) }
        let tag = name == "!" ? .string : YAMLTag(rawValue: name)
        guard let tag else { throw unknownTag(name, at: event.position) }
        guard let scalar = YAMLScalar(text: text, isPlain: isPlain, tag: tag) else {
            throw YAMLError("the value does not fit its tag <\(name)>", at: event.position)
        }
        return scalar
    }

    private func expectTag(_ tag: YAMLTag, of event: Event, depth: Int) throws(YAMLError) {
        if let name = event.tag, name != "!", name != tag.rawValue { throw unknownTag(name, at: event.position) }
        guard depth < limits.depth else {
            throw YAMLError("nested deeper than the \(limits.depth) levels allowed", at: event.position)
        }
    }

    private mutating func sequence(of stream: borrowing EventStream, depth: Int) throws(YAMLError) -> [YAMLNode] {
        var elements: [YAMLNode] = []
        while true {
            let event = try stream.next()
            if case .collectionEnd = event.kind { return elements }
            elements.append(try node(from: event, of: stream, depth: depth))
        }
    }

    private mutating func mapping(of stream: borrowing EventStream, depth: Int) throws(YAMLError) -> YAMLMapping {
        var pairs: [YAMLMapping.Pair] = []
        var lines: [String: Int] = [:]
        while true {
            let event = try stream.next()
            if case .collectionEnd = event.kind { return YAMLMapping(pairs) }
            let key = try node(from: event, of: stream, depth: depth)
            guard let scalar = key.scalar else {
                throw YAMLError("expected a scalar as key, found \(key.kind)", at: event.position)
            }
            if scalar.isPlain, scalar.text == "<<" {
                throw YAMLError("merge keys (<<) are not supported", at: event.position)
            }
            if let line = lines.updateValue(event.position.line, forKey: scalar.text) {
                throw YAMLError("key “\(excerpt(scalar.text))” occurs twice; first in line \(line)", at: event.position)
            }
            let value = try node(from: try stream.next(), of: stream, depth: depth)
            pairs.append(YAMLMapping.Pair(key: scalar.text, keyPosition: event.position, value: value))
        }
    }

    private mutating func charge(_ count: Int, at position: YAMLPosition) throws(YAMLError) {
        nodes += count
        guard nodes <= limits.nodes else {
            throw YAMLError("more than the \(limits.nodes) nodes allowed, aliases expanded", at: position)
        }
    }

    private func unknownTag(_ name: String, at position: YAMLPosition) -> YAMLError {
        YAMLError("tag <\(excerpt(name))> is not one of the core schema's for this kind of value", at: position)
    }

    /// A message stays short whatever the text holds.
    private func excerpt(_ text: String) -> String {
        text.unicodeScalars.count <= 64 ? text : String(String.UnicodeScalarView(text.unicodeScalars.prefix(64))) + "…"
    }
}

/// The first byte that does not continue well-formed UTF-8.
private func firstInvalidUTF8(in bytes: [UInt8]) -> Int? {
    guard String(validating: bytes, as: UTF8.self) == nil else { return nil }
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    var offset = 0
    while case .scalarValue(let scalar) = decoder.decode(&iterator) { offset += UTF8.width(scalar) }
    return min(offset, bytes.count - 1)
}

/// Line and column of a byte, for errors that libyaml reports by offset.
func position(ofByte offset: Int, in bytes: [UInt8]) -> YAMLPosition {
    let before = bytes[..<min(offset, bytes.count)]
    let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    let line = before.reduce(1) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
    let column = before[lineStart...].reduce(1) { $1 & 0xC0 == 0x80 ? $0 : $0 + 1 }
    return YAMLPosition(line: line, column: column)
}
