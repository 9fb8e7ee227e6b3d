import Testing
import TocsinEvents

@testable import TocsinDaemon

@Suite struct InterestTests {
    private func interest(_ change: (inout Configuration) -> Void = { _ in }) -> Interest {
        var configuration = Configuration()
        change(&configuration)
        return Interest(configuration)
    }

    @Test("what sessions wait for and what rules look at is awaited, and nothing else")
    func types() {
        var interest = interest()
        #expect(interest.types == [])
        interest.sessions = [.exit]
        #expect(interest.types == [.exit])
        interest.rules = [.exec, .create]
        #expect(interest.types == [.exec, .exit, .create])
    }

    @Test("nobody can wait for what the configuration excludes")
    func excluded() {
        var interest = interest { $0.excludedTypes = [.fork, .exec] }
        interest.sessions = [.fork, .exit]
        interest.rules = [.exec]
        #expect(interest.types == [.exit])
        var new = Configuration()
        new.excludedTypes = []
        interest.reconfigure(new)
        #expect(interest.types == [.fork, .exec, .exit])
    }

    @Test("a journal that gets all events waits for all that are told")
    func journal() {
        let interest = interest { $0.journalEvents = .all }
        #expect(interest.types == Set(EventType.known).subtracting([.fork]))
    }
}
