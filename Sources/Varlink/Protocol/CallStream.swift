import NIOCore

/// The server's side of one connection as a pure state machine: bytes in, calls out, one at a time and in order.
///
/// What is received waits as bytes; one call at most is parsed ahead to see whether it may join those that pend. The
/// caller reads only after `needsInput`, so what waits is bounded by one message and what one read brings. What comes
/// unasked, as when a channel empties its socket before it closes, is for the caller to bound.
struct CallStream: ~Copyable {
    private let parser: CallParser
    private var framer: MessageFramer
    private(set) var calls: CallSequence
    /// A call that must wait for earlier ones.
    private var head: CallMessage?
    private var inputEnded = false
    private var isDraining = false

    init(maximumMessageBytes: Int, maximumUnanswered: Int, parser: CallParser) {
        self.parser = parser
        framer = MessageFramer(maximumMessageBytes: maximumMessageBytes)
        calls = CallSequence(maximumUnanswered: maximumUnanswered)
    }

    var bufferedBytes: Int { framer.bufferedBytes }

    // MARK: Inputs

    mutating func receive(_ bytes: inout ByteBuffer) { framer.append(&bytes) }

    /// The client shut down its side: what it asked for is still answered.
    mutating func endInput() { inputEnded = true }

    /// No further call is taken: the connection ends with the last reply.
    mutating func drain() { isDraining = true }

    func place(of id: CallID, continues: Bool) -> CallSequence.Place {
        calls.place(of: id, continues: continues)
    }

    /// Answers a call whose place is `later`.
    mutating func hold(_ reply: ByteBuffer, for id: CallID) { calls.hold(reply, for: id) }

    /// The last reply of the first call was made; replies held behind it are handed out.
    mutating func answer(_ id: CallID, _ write: (inout ByteBuffer) -> Void) { calls.answer(id, write) }

    // MARK: Outputs

    enum Step: Sendable {
        /// Run this call: so often, where a client says the same so often in a row and the calls pend together.
        case dispatch(CallMessage, Range<CallID>)
        /// Ask again in a later turn: a call might run, but there were enough in this one.
        case enough
        /// Read from the socket: no whole message is left.
        case needsInput
        /// Do not read: a call waits for replies to earlier ones.
        case blocked
        /// All is answered and nothing more will come.
        case finished
        /// Close: the client broke the protocol.
        case violation(ProtocolViolation)
    }

    /// - Parameter most: calls that this turn has room for.
    mutating func next(atMost most: Int = .max) -> Step {
        if isDraining { return calls.isEmpty ? .finished : .blocked }
        var waiting = head.take()
        let isLatest = waiting == nil
        if isLatest {
            do throws(ProtocolViolation) {
                waiting = try parseNext()
            } catch {
                return .violation(error)
            }
        }
        guard let call = waiting else {
            framer.releaseMemory()
            guard inputEnded else { return .needsInput }
            return calls.isEmpty ? .finished : .blocked
        }
        let together = parser.methods.options(of: call.callee).contains(.pendsTogether)
        guard calls.admits(call, pendsTogether: together) else {
            head = call
            framer.releaseMemory()
            return .blocked
        }
        guard most > 0 else {
            head = call
            return .enough
        }
        let first = calls.dispatch(call, pendsTogether: together)
        var end = first.advanced(by: 1)
        if together, isLatest, call.mode == .single {
            let repeats = framer.skip(parser.latestBytes, atMost: min(most - 1, calls.room))
            calls.dispatchAgain(repeats)
            end = end.advanced(by: repeats)
        }
        return .dispatch(call, first..<end)
    }

    private mutating func parseNext() throws(ProtocolViolation) -> CallMessage? {
        let parsed: Result<CallMessage, MalformedMessage>?
        do {
            parsed = try framer.next { bytes in
                Result { () throws(MalformedMessage) in try parser.parse(bytes) }
            }
        } catch {
            throw .messageTooLong
        }
        switch consume parsed {
        case .success(let call)?: return call
        case .failure(let error)?: throw .malformed(error)
        case nil: return nil
        }
    }
}

/// Why a server closes a connection on its own.
public enum ProtocolViolation: Error, Hashable, Sendable, CustomStringConvertible {
    /// Longer than a request may be.
    case messageTooLong
    case malformed(MalformedMessage)

    public var description: String {
        switch self {
        case .messageTooLong: "message too long"
        case .malformed(let message): "malformed message: \(message.description)"
        }
    }
}
