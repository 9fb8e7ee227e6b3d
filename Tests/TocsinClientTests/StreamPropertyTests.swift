import JSON
import TestKit
import Testing
import TocsinEvents

@testable import TocsinClient

/// The stream against a daemon that is lost, shuts down and forgets at any moment.
@Suite struct StreamPropertyTests {
    /// What a daemon knows: which events it has, and where the one session is.
    private struct Daemon {
        var generator: SeededGenerator
        var oldest: UInt64 = 1
        var newest: UInt64 = 0
        var position: UInt64 = 0
        var outstanding = 0

        func cursor(_ sequence: UInt64) -> Cursor { Cursor(instance: 1, sequence: sequence) }
        mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &generator) < percent }

        /// Opens, fails, or finds the cursor expired.
        mutating func open(after: Cursor?, _ machine: inout StreamMachine) {
            if chance(30) { return machine.failed(chance(50) ? .noSocket(path: "/s") : .disconnected) }
            let wanted = after?.sequence ?? newest
            guard wanted + 1 >= oldest else {
                return machine.failed(.cursorExpired(oldest: cursor(oldest - 1), lost: oldest - 1 - wanted))
            }
            position = wanted
            outstanding = 0
            machine.opened(at: cursor(position), maximumPendingReads: Int.random(in: 1...5, using: &generator))
        }

        /// Completes the oldest read, one way or the other.
        mutating func reply(_ machine: inout StreamMachine) throws {
            outstanding -= 1
            if chance(10) { return machine.failed(.disconnected) }
            if chance(5) { return machine.failed(.shuttingDown(cursor(position))) }
            newest = max(newest, position + 1)
            // The log is short, and never forgets what this connected session has yet to read.
            if chance(20) { oldest = position + 1 }
            position += 1
            let event = Event(
                sequence: position, cursor: cursor(position), type: .heartbeat, realtimeUSec: 0, monotonicUSec: 0)
            var writer = JSONWriter()
            writer.beginObject()
            writer.name("event")
            writer.event(event)
            writer.endObject()
            machine.completed(try Completion(json: JSONText(parsing: writer.bytes)))
        }

        /// While nobody is connected events go on, and old ones are forgotten.
        mutating func timePasses() {
            newest += UInt64.random(in: 0...3, using: &generator)
            if newest > oldest, chance(20) { oldest = UInt64.random(in: oldest...newest, using: &generator) }
        }
    }

    @Test("every event is delivered exactly once and in order, or is in exactly one gap", arguments: 1...UInt64(200))
    func exactlyOnce(seed: UInt64) throws {
        var daemon = Daemon(generator: SeededGenerator(seed: seed))
        var machine = StreamMachine(
            after: daemon.cursor(0), isGroup: false, depth: Int.random(in: 1...4, using: &daemon.generator),
            reconnection: Reconnection())
        machine.opened(at: daemon.cursor(0), maximumPendingReads: 8)
        var accounted: UInt64 = 0
        for _ in 0..<2000 {
            switch machine.next() {
            case .open(let after, _):
                daemon.timePasses()
                daemon.open(after: after, &machine)
            case .read(let count, _):
                daemon.outstanding += count
            case .awaitReply:
                try #require(daemon.outstanding > 0)
                try daemon.reply(&machine)
            case .deliver(.completion(let completion)):
                try #require(completion.cursor.sequence == accounted + 1)
                accounted += 1
                machine.consumerAsks()
            case .deliver(.gap(let gap, _)):
                try #require(gap.first == accounted + 1)
                accounted = try #require(gap.last)
                machine.consumerAsks()
            case .end(let error):
                Issue.record("ended with \(error)")
                return
            }
        }
        #expect(accounted > 100)
    }
}
