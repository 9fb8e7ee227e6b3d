import JSON
import NIOCore
import TestKit
import Testing

@testable import Varlink

@Suite struct CallSequenceTests {
    private func call(_ method: String, _ mode: CallMessage.Mode = .single) -> CallMessage {
        CallMessage(callee: .unknown(method), parameters: [:], mode: mode)
    }

    @Test("another call waits until all earlier ones are answered")
    func alone() {
        var sequence = CallSequence(maximumUnanswered: 4)
        let first = sequence.dispatch(call("A"), pendsTogether: false)
        #expect(!sequence.admits(call("A"), pendsTogether: false))
        #expect(!sequence.admits(call("W"), pendsTogether: true))
        sequence.answer(first) { _ in }
        #expect(sequence.admits(call("A"), pendsTogether: false))
    }

    @Test("calls that pend together are admitted up to the bound, and only those of the same method")
    func together() {
        var sequence = CallSequence(maximumUnanswered: 3)
        for _ in 0..<3 {
            #expect(sequence.admits(call("W"), pendsTogether: true))
            _ = sequence.dispatch(call("W"), pendsTogether: true)
        }
        #expect(!sequence.admits(call("W"), pendsTogether: true))
        sequence.answer(CallID(rawValue: 0)) { _ in }
        #expect(sequence.admits(call("W"), pendsTogether: true))
        #expect(!sequence.admits(call("V"), pendsTogether: true))
        #expect(!sequence.admits(call("W", .more), pendsTogether: true))
        #expect(!sequence.admits(call("W", .oneway), pendsTogether: true))
    }

    @Test("after a more call nothing is dispatched until its final reply")
    func more() {
        var sequence = CallSequence(maximumUnanswered: 4)
        let id = sequence.dispatch(call("W", .more), pendsTogether: true)
        #expect(!sequence.admits(call("W"), pendsTogether: true))
        #expect(sequence.place(of: id, continues: true) == .now)
        #expect(!sequence.admits(call("W"), pendsTogether: true))
        sequence.answer(id) { _ in }
        #expect(sequence.isEmpty)
    }

    @Test("continues has no place in the reply to a call without more")
    func continuesWithoutMore() {
        var sequence = CallSequence(maximumUnanswered: 4)
        let id = sequence.dispatch(call("A"), pendsTogether: false)
        #expect(sequence.place(of: id, continues: true) == .nowhere)
        #expect(sequence.place(of: id, continues: false) == .now)
    }

    @Test("a second reply, a reply to a oneway call and one to an unknown call have no place")
    func noPlace() {
        var sequence = CallSequence(maximumUnanswered: 4)
        let id = sequence.dispatch(call("W"), pendsTogether: true)
        let next = sequence.dispatch(call("W"), pendsTogether: true)
        sequence.hold(ByteBuffer(string: "held"), for: next)
        #expect(sequence.place(of: next, continues: false) == .nowhere)
        #expect(sequence.place(of: CallID(rawValue: 2), continues: false) == .nowhere)
        sequence.answer(id) { _ in }
        #expect(sequence.place(of: id, continues: false) == .nowhere)
        let oneway = sequence.dispatch(call("A", .oneway), pendsTogether: false)
        #expect(sequence.place(of: oneway, continues: false) == .nowhere)
    }

    @Test(
        "replies leave in the order of the calls, whatever the order they are made in",
        arguments: 0..<200 as Range<UInt64>)
    func anyOrder(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var sequence = CallSequence(maximumUnanswered: 8)
        var pending: [CallID] = []
        var output: [UInt64] = []
        var made: UInt64 = 0
        while output.count < 100 {
            if made < 100, sequence.admits(call("W"), pendsTogether: true), Bool.random(using: &generator) {
                pending.append(sequence.dispatch(call("W"), pendsTogether: true))
                made += 1
            } else if let index = pending.indices.randomElement(using: &generator) {
                let id = pending.remove(at: index)
                switch sequence.place(of: id, continues: false) {
                case .now:
                    output.append(id.rawValue)
                    sequence.answer(id) { held in
                        while let number = held.readInteger(as: UInt64.self) { output.append(number) }
                    }
                case .later: sequence.hold(ByteBuffer(integer: id.rawValue), for: id)
                case .nowhere: Issue.record("call \(id.rawValue) has no place, seed \(seed)")
                }
            }
        }
        #expect(output == Array(0..<100), "seed \(seed)")
        #expect(sequence.isEmpty)
    }
}
