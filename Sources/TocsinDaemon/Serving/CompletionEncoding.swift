import TocsinDelivery
import Varlink

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

    /// Room for what `write` writes: the event, names and punctuation, and two numbers.
    func mostBytes(with event: Span<UInt8>) -> Int { event.count + 28 + 2 * 20 }

    /// The parameters of a reply to `Read` or `Subscribe`: the event as it lies in the log, and what is said of it.
    func write(_ event: Span<UInt8>, into reply: inout ReplySpace) {
        reply.append(#"{"event":"#)
        reply.append(event)
        if let queued {
            reply.append(#","queued":"#)
            reply.append(queued)
        }
        reply.append(#","lost":"#)
        reply.append(lost)
        reply.append("}")
    }
}
