import NIOCore
import TocsinDelivery

extension DeliveryAction {
    /// See `Completion.sharedEvent`.
    var sharedEvent: UInt64? {
        if case .complete(let completion) = self { completion.sharedEvent } else { nil }
    }
}

extension Completion {
    /// The event's number, where each subscription that gets the event gets the same reply.
    var sharedEvent: UInt64? {
        guard continues, queued == nil, lost == 0, case .logged(let sequence) = event else { return nil }
        return sequence
    }
}

extension ByteBuffer {
    /// The parameters of a reply to `Read` or `Subscribe`: the event as it lies in the log, and what is said of it. All in
    /// one piece, because it is done for every event and subscriber.
    mutating func writeCompletion(event: Span<UInt8>, queued: UInt64?, lost: UInt64) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: event.count + CompletionBytes.most) { space in
            var bytes = CompletionBytes(space)
            bytes.append(#"{"event":"#)
            event.withUnsafeBytes { bytes.append($0) }
            if let queued {
                bytes.append(#","queued":"#)
                bytes.append(queued)
            }
            bytes.append(#","lost":"#)
            bytes.append(lost)
            bytes.append("}")
            return bytes.count
        }
    }
}

private struct CompletionBytes {
    /// Around the event: names and punctuation, and two numbers of 20 digits.
    static let most = 29 + 40

    private let space: UnsafeMutableRawBufferPointer
    private(set) var count = 0

    init(_ space: UnsafeMutableRawBufferPointer) { self.space = space }

    mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        UnsafeMutableRawBufferPointer(rebasing: space[count...]).copyMemory(from: bytes)
        count += bytes.count
    }

    mutating func append(_ number: UInt64) {
        var digits = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        rest = number
        for index in stride(from: count + digits - 1, through: count, by: -1) {
            space[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        count += digits
    }
}
