/// A part of an encoded event that other events have as well, as the children of one process have their ancestors. It
/// is left out of the event's own text, so that who keeps many events may keep it once.
///
/// Passed on as it is: a copy would count a reference.
package struct Passage: ~Copyable, Sendable {
    /// No other text has it, for as long as the process lives.
    package let number: UInt64
    package let text: [UInt8]
    /// Where it belongs: behind so many bytes of the event's own text.
    package let offset: Int

    /// Nothing is left out.
    package init() { self.init(number: 0, text: [], offset: 0) }

    package init(number: UInt64, text: [UInt8], offset: Int) {
        self.number = number
        self.text = text
        self.offset = offset
    }

    /// The whole event's text.
    package func joined(with own: [UInt8]) -> [UInt8] { own[..<offset] + text + own[offset...] }
}
