/// A text pattern made ready for matching: segments between the `*`s.
///
/// The leftmost place for each segment in turn is as good as any other, so there is no backtracking; time is bounded by
/// the length of the text times that of the pattern. The text must be UTF-8.
struct Glob: Hashable, Sendable {
    /// In a segment: one code point, whatever it is. Every other unit is a byte; ASCII letters are lower case unless
    /// cased.
    private static let anyOne: UInt16 = 0x100

    private let segments: [[UInt16]]
    private let isOpenAtStart: Bool
    private let isOpenAtEnd: Bool
    private let isCased: Bool

    init(_ pattern: TextPattern) {
        var segments: [[UInt16]] = [[]]
        for token in pattern.tokens {
            switch token {
            case .anyRun: segments.append([])
            case .anyOne: segments[segments.count - 1].append(Self.anyOne)
            case .literal(let bytes):
                segments[segments.count - 1] += bytes.map { UInt16(pattern.isCased ? $0 : $0.asciiLowercased) }
            }
        }
        isCased = pattern.isCased
        isOpenAtStart = segments.count > 1 && segments[0].isEmpty
        isOpenAtEnd = segments.count > 1 && segments[segments.count - 1].isEmpty
        self.segments = segments.count == 1 ? segments : segments.filter { !$0.isEmpty }
    }

    func matches(_ text: UnsafeRawBufferPointer) -> Bool {
        guard !segments.isEmpty else { return true }
        if segments.count == 1, !isOpenAtStart, !isOpenAtEnd {
            return match(segments[0], in: text, at: 0) == text.count
        }
        var middle = segments[...]
        var start = 0
        var end = text.count
        if !isOpenAtStart, let first = middle.popFirst() {
            guard let next = match(first, in: text, at: 0) else { return false }
            start = next
        }
        if !isOpenAtEnd, let last = middle.popLast() {
            guard let previous = matchBackwards(last, in: text) else { return false }
            end = previous
        }
        guard start <= end else { return false }
        for segment in middle {
            guard let next = find(segment, in: text, from: start, to: end) else { return false }
            start = next
        }
        return true
    }

    /// The end of the leftmost place where a segment fits.
    private func find(_ segment: [UInt16], in text: UnsafeRawBufferPointer, from start: Int, to end: Int) -> Int? {
        var position = start
        while position < end {
            // Matching in the middle of a code point would let `?` stand for half of one.
            if text[position] & 0xC0 != 0x80, let next = match(segment, in: text, at: position) {
                return next <= end ? next : nil
            }
            position += 1
        }
        return nil
    }

    private func match(_ segment: [UInt16], in text: UnsafeRawBufferPointer, at start: Int) -> Int? {
        var position = start
        for unit in segment {
            guard position < text.count else { return nil }
            if unit == Self.anyOne {
                position += 1
                while position < text.count, text[position] & 0xC0 == 0x80 { position += 1 }
            } else {
                guard unit == self.unit(text[position]) else { return nil }
                position += 1
            }
        }
        return position
    }

    private func matchBackwards(_ segment: [UInt16], in text: UnsafeRawBufferPointer) -> Int? {
        var position = text.count
        for unit in segment.reversed() {
            guard position > 0 else { return nil }
            position -= 1
            if unit == Self.anyOne {
                while position > 0, text[position] & 0xC0 == 0x80 { position -= 1 }
            } else {
                guard unit == self.unit(text[position]) else { return nil }
            }
        }
        return position
    }

    private func unit(_ byte: UInt8) -> UInt16 { UInt16(isCased ? byte : byte.asciiLowercased) }
}

extension UInt8 {
    var asciiLowercased: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }
}
