import JSON
import Testing
import TocsinCommand
import TocsinEvents

@Suite struct OwnEventsTests {
    private let own = OwnEvents(pid: 100, processGroup: 90)

    private func event(ancestors: [Process] = [], _ change: (inout Process) -> Void) throws -> JSONText {
        var process = Process(entityID: "e", pid: 200, startTimeNSec: 1)
        change(&process)
        var event = Event(
            sequence: 1, cursor: Cursor(instance: 1, sequence: 1), type: .exec, realtimeUSec: 0, monotonicUSec: 0,
            process: process)
        event.ancestors = ancestors
        return try encoded(event)
    }

    private func encoded(_ event: Event) throws -> JSONText {
        var writer = JSONWriter()
        writer.event(event)
        return try JSONText(parsing: writer.bytes)
    }

    @Test("the whole pipeline is meant, by its process group")
    func group() throws {
        #expect(try own.contain(event { $0.processGroup = 90 }))
        #expect(try !own.contain(event { $0.processGroup = 91 }))
        // Another group of this very command, such as a job of its own: not in the pipeline.
        #expect(
            try !own.contain(
                event {
                    $0.processGroup = 91
                    $0.parentPid = 100
                }))
    }

    @Test("where the group could not be read, the pid, the parent and the ancestors decide")
    func fallback() throws {
        #expect(try own.contain(event { $0.pid = 100 }))
        #expect(try own.contain(event { $0.parentPid = 100 }))
        #expect(try !own.contain(event { $0.parentPid = 1 }))
        let grandchild = try event(ancestors: [Process(entityID: "a", pid: 100, startTimeNSec: 1)]) {
            $0.parentPid = 150
        }
        #expect(own.contain(grandchild))
    }

    @Test("what no process did is never left out")
    func withoutProcess() throws {
        let heartbeat = Event(
            sequence: 1, cursor: Cursor(instance: 1, sequence: 1), type: .heartbeat, realtimeUSec: 0, monotonicUSec: 0)
        #expect(try !own.contain(encoded(heartbeat)))
    }
}
