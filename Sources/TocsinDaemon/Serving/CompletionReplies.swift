import TocsinDelivery
import Varlink

extension Delivery {
    /// Replies with events to those who wait for them, in order. Calls no input of the delivery: it is borrowed as a
    /// whole, once for all of them.
    ///
    /// - Returns: whose subscriptions take no more for now.
    func reply(
        with completions: Span<Completion>, of actions: borrowing DeliveryActions, to connections: [ServerConnection?]
    ) -> [TocsinDelivery.ConnectionID] {
        var full: [TocsinDelivery.ConnectionID] = []
        var shared: (event: UInt64, reply: SharedReply)?
        var index = 0
        while index < completions.count {
            // Of one connection after another.
            let id = completions[index].connection
            let continues = completions[index].continues
            var end = index + 1
            while end < completions.count, completions[end].connection == id, completions[end].continues == continues {
                end += 1
            }
            defer { index = end }
            guard let connection = connections[id] else { continue }
            connection.reply(continues: continues) { replies in
                for index in index..<end {
                    let completion = completions[index]
                    // An event for more than one subscription is encoded once.
                    if let event = completion.sharedEvent, shared?.event != event, index + 1 < completions.count,
                        completions[index + 1].sharedEvent == event
                    {
                        shared = (event, sharedReply(completion, of: actions))
                    }
                    let call = Varlink.CallID(rawValue: completion.call.rawValue)
                    if let shared, shared.event == completion.sharedEvent {
                        replies.reply(to: call, with: shared.reply)
                    } else {
                        replies.reply(
                            to: call, continues: completion.continues, upTo: mostBytes(completion, actions)
                        ) { write(completion, of: actions, into: &$0) }
                    }
                }
            }
            if continues, !connection.isWritable { full.append(id) }
        }
        return full
    }

    private func sharedReply(_ completion: Completion, of actions: borrowing DeliveryActions) -> SharedReply {
        SharedReply(continues: completion.continues, upTo: mostBytes(completion, actions)) {
            write(completion, of: actions, into: &$0)
        }
    }

    /// Room for what `write` writes: the event, names and punctuation, and two numbers.
    private func mostBytes(_ completion: Completion, _ actions: borrowing DeliveryActions) -> Int {
        byteCount(of: completion, in: actions) + 28 + 2 * 20
    }

    /// The parameters of a reply to `Read` or `Subscribe`: the event as it lies in the log, and what is said of it.
    private func write(
        _ completion: Completion, of actions: borrowing DeliveryActions, into reply: inout ReplySpace
    ) {
        reply.append(#"{"event":"#)
        forEachPart(of: completion, in: actions) { reply.append($0) }
        if let queued = completion.queued {
            reply.append(#","queued":"#)
            reply.append(queued)
        }
        reply.append(#","lost":"#)
        reply.append(completion.lost)
        reply.append("}")
    }
}

extension Completion {
    /// The event's number, where each subscription that gets the event gets the same reply.
    fileprivate var sharedEvent: UInt64? {
        guard continues, queued == nil, lost == 0, case .logged(let sequence) = event else { return nil }
        return sequence
    }
}
