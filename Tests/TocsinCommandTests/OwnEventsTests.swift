import Testing
import TocsinCommand
import TocsinEvents

@Suite struct OwnEventsTests {
    private let own = OwnEvents(pid: 100, processGroup: 90)

    private func event(_ change: (inout Process) -> Void) -> Event {
        var process = Process(entityID: "e", pid: 200, startTimeNSec: 1)
        change(&process)
        return Event(
            sequence: 1, cursor: Cursor(instance: 1, sequence: 1), type: .exec, realtimeUSec: 0, monotonicUSec: 0,
            process: process)
    }

    @Test("the whole pipeline is meant, by its process group")
    func group() {
        #expect(own.contain(event { $0.processGroup = 90 }))
        #expect(!own.contain(event { $0.processGroup = 91 }))
        // Another group of this very command, such as a job of its own: not in the pipeline.
        #expect(
            !own.contain(
                event {
                    $0.processGroup = 91
                    $0.parentPid = 100
                }))
    }

    @Test("where the group could not be read, the pid, the parent and the ancestors decide")
    func fallback() {
        #expect(own.contain(event { $0.pid = 100 }))
        #expect(own.contain(event { $0.parentPid = 100 }))
        #expect(!own.contain(event { $0.parentPid = 1 }))
        var grandchild = event { $0.parentPid = 150 }
        grandchild.ancestors = [Process(entityID: "a", pid: 100, startTimeNSec: 1)]
        #expect(own.contain(grandchild))
    }

    @Test("what no process did is never left out")
    func withoutProcess() {
        let heartbeat = Event(
            sequence: 1, cursor: Cursor(instance: 1, sequence: 1), type: .heartbeat, realtimeUSec: 0, monotonicUSec: 0)
        #expect(!own.contain(heartbeat))
    }
}
