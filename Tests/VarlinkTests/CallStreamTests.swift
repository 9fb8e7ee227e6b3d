import NIOCore
import TestKit
import Testing

@testable import Varlink

/// The server's side as a pure state machine: what the clients of all other tests send, without a socket.
@Suite struct CallStreamTests {
    private static let names = ["a.b.M", "a.b.Wait"]
    private let parser = CallParser(MethodTable([(names[0], []), (names[1], .pendsTogether)]))

    private func name(of callee: Callee) -> String {
        switch callee {
        case .method(let index): Self.names[index]
        case .unknown(let name): name
        }
    }

    /// What a stream of bytes leads to, when every call is answered `delay` steps after it was dispatched.
    private func outcome(of bytes: [UInt8], cutAt cuts: [Int], delay: Int, limit: Int = 1 << 20) -> [String] {
        var stream = CallStream(maximumMessageBytes: limit, maximumUnanswered: 4, parser: parser)
        var outcome: [String] = []
        var unanswered: [CallID] = []
        var rest = bytes[...]

        func advance() -> Bool {
            while true {
                switch stream.next() {
                case .dispatch(let call, let ids):
                    for id in ids {
                        outcome.append(
                            "\(id.rawValue) \(name(of: call.callee)) \(call.parameters.count) \(call.mode)")
                        if call.mode == .oneway { stream.answer(id) { _ in } } else { unanswered.append(id) }
                        if unanswered.count > delay { stream.answer(unanswered.removeFirst()) { _ in } }
                    }
                case .needsInput: return true
                case .enough: Issue.record("every call had room")
                case .blocked: stream.answer(unanswered.removeFirst()) { _ in }
                case .finished:
                    outcome.append("finished")
                    return false
                case .violation(let violation):
                    outcome.append("\(violation)")
                    return false
                }
            }
        }

        var position = 0
        for cut in cuts + [bytes.count] {
            var piece = ByteBuffer(bytes: rest.prefix(cut - position))
            rest = rest.dropFirst(cut - position)
            position = cut
            if piece.readableBytes > 0 { stream.receive(&piece) }
            if !advance() { return outcome }
        }
        stream.endInput()
        _ = advance()
        return outcome
    }

    /// Messages good and bad, in an order that the seed decides.
    private func randomBytes(_ generator: inout SeededGenerator) -> [UInt8] {
        let messages = [
            #"{"method":"a.b.M"}"#, #"{"method":"a.b.Wait"}"#, #"{"method":"a.b.\u0057ait"}"#,
            #"{"method":"c.d.N\u00e4"}"#, #"{"method":"a.b.Wait","parameters":{"x":"é\u00e9"}}"#,
            #"{"method":"a.b.M","oneway":true}"#, #" {"method":"a.b.M","more":true,"parameters":null} "#,
            #"{"method":"a.b.M","com.example":{}}"#,
        ]
        let broken = [
            "", "{", #"{"method":1}"#, #"{"method":"a","x":1}"#, #"{"method":"a.b.M","m\u0065thod":"a.b.M"}"#,
            #"{"method":"a.b.M","com.example":{},"com.example":{}}"#, #"{"method":"a.b.M","more":null,"more":true}"#,
            "\u{1}", #"{"method":"a.b.M"#,
        ]
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 0..<12, using: &generator) {
            let isBroken = Int.random(in: 0..<16, using: &generator) == 0
            bytes += (isBroken ? broken : messages).randomElement(using: &generator)!.utf8
            bytes.append(0)
        }
        // The last message may be cut short.
        return Array(bytes.dropLast(Int.random(in: 0..<3, using: &generator)))
    }

    @Test("any byte sequence cut anywhere gives the same result", arguments: 0..<50 as Range<UInt64>)
    func cutAnywhere(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<40 {
            let bytes = randomBytes(&generator)
            let delay = Int.random(in: 0..<5, using: &generator)
            let whole = outcome(of: bytes, cutAt: [], delay: delay)
            #expect(outcome(of: bytes, cutAt: Array(bytes.indices), delay: delay) == whole, "seed \(seed)")
            for _ in 0..<5 {
                let cuts = (0..<Int.random(in: 0..<8, using: &generator))
                    .map { _ in Int.random(in: 0...bytes.count, using: &generator) }.sorted()
                #expect(outcome(of: bytes, cutAt: cuts, delay: delay) == whole, "seed \(seed), cuts \(cuts)")
            }
        }
    }

    @Test("random bytes never crash and never wait beyond the bound", arguments: 0..<20 as Range<UInt64>)
    func hostileBytes(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var stream = CallStream(maximumMessageBytes: 100, maximumUnanswered: 4, parser: parser)
        let alphabet = Array("{}[]\",:\\u0dme\u{0}\u{1}\u{FF}".utf8) + [0xFF, 0xED, 0xA0, 0x80]
        for _ in 0..<2000 {
            var piece = ByteBuffer(
                bytes: (0..<Int.random(in: 1..<50, using: &generator)).map { _ in
                    alphabet.randomElement(using: &generator)!
                })
            stream.receive(&piece)
            loop: while true {
                switch stream.next() {
                case .dispatch(_, let ids): for id in ids { stream.answer(id) { _ in } }
                case .violation: stream = CallStream(maximumMessageBytes: 100, maximumUnanswered: 4, parser: parser)
                case .needsInput, .enough, .blocked, .finished: break loop
                }
            }
            #expect(stream.bufferedBytes <= 100, "seed \(seed)")
        }
    }

    @Test("calls that say the same come as one where they pend together, as many as have room")
    func runs() {
        var stream = CallStream(maximumMessageBytes: 100, maximumUnanswered: 4, parser: parser)
        func next(atMost most: Int = .max) -> String {
            switch stream.next(atMost: most) {
            case .dispatch(let call, let ids):
                "\(name(of: call.callee)) \(ids.lowerBound.rawValue)..<\(ids.upperBound.rawValue)"
            case .enough: "enough"
            case .needsInput: "needs input"
            case .blocked: "blocked"
            case .finished, .violation: "ended"
            }
        }
        func answer(_ ids: Range<UInt64>) { for id in ids { stream.answer(CallID(rawValue: id)) { _ in } } }
        let (wait, other) = (#"{"method":"a.b.Wait"}"# + "\0", #"{"method":"a.b.M"}"# + "\0")
        var bytes = ByteBuffer(string: String(repeating: wait, count: 9) + other + other + wait + wait.dropLast())
        stream.receive(&bytes)
        #expect(next(atMost: 3) == "a.b.Wait 0..<3")
        #expect(next(atMost: 0) == "enough")
        #expect(next() == "a.b.Wait 3..<4")
        #expect(next() == "blocked")
        answer(0..<4)
        // The one that was looked at before is not the latest message of all connections any more.
        #expect(next() == "a.b.Wait 4..<5")
        #expect(next() == "a.b.Wait 5..<8")
        answer(4..<8)
        #expect(next() == "a.b.Wait 8..<9")
        #expect(next() == "blocked")
        answer(8..<9)
        #expect(next() == "a.b.M 9..<10")
        #expect(next() == "blocked")
        answer(9..<10)
        #expect(next() == "a.b.M 10..<11")
        answer(10..<11)
        #expect(next() == "a.b.Wait 11..<12")
        #expect(next() == "needs input")
        var end = ByteBuffer(string: "\0\0")
        stream.receive(&end)
        #expect(next() == "a.b.Wait 12..<13")
        // An empty message is no repetition of anything.
        #expect(next() == "ended")
    }

    @Test("a message is refused as too long before it has ended")
    func tooLong() {
        let fits = #"{"method":"a.b.M"}"#.utf8
        #expect(outcome(of: fits + [0], cutAt: [], delay: 0, limit: fits.count) == ["0 a.b.M 0 single", "finished"])
        #expect(outcome(of: fits + [0], cutAt: [], delay: 0, limit: fits.count - 1) == ["message too long"])
        let endless = [UInt8](repeating: 0x20, count: 1000)
        #expect(outcome(of: endless, cutAt: Array(0..<1000), delay: 0, limit: 100) == ["message too long"])
    }

    @Test("a call for which a turn has no room is dispatched when there is, and only such a call needs another turn")
    func enough() {
        var stream = CallStream(maximumMessageBytes: 100, maximumUnanswered: 4, parser: parser)
        func next(mayDispatch: Bool) -> String {
            switch stream.next(atMost: mayDispatch ? 1 : 0) {
            case .dispatch(let call, _): name(of: call.callee)
            case .enough: "enough"
            case .needsInput: "needs input"
            case .blocked: "blocked"
            case .finished, .violation: "ended"
            }
        }
        #expect(next(mayDispatch: false) == "needs input")
        var bytes = ByteBuffer(string: #"{"method":"a.b.M"}"# + "\0" + #"{"method":"a.b.M"}"# + "\0")
        stream.receive(&bytes)
        #expect(next(mayDispatch: false) == "enough")
        #expect(next(mayDispatch: true) == "a.b.M")
        #expect(next(mayDispatch: false) == "blocked")
        stream.answer(CallID(rawValue: 0)) { _ in }
        #expect(next(mayDispatch: false) == "enough")
        #expect(next(mayDispatch: true) == "a.b.M")
    }
}
