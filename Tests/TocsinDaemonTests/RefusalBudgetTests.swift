import Testing

@testable import TocsinDaemon

/// Which refusals get into the journal.
@Suite struct RefusalBudgetTests {
    private static let second: UInt64 = 1_000_000_000

    @Test("of a user who is refused all the time a few are logged each minute, and then how many were not")
    func flood() {
        var budget = RefusalBudget()
        var logged = 0
        for number: UInt64 in 0..<1000 where budget.refusal(of: 1000, at: number).isLogged { logged += 1 }
        #expect(logged == RefusalBudget.perUser)
        #expect(budget.dueNSec == RefusalBudget.window)
        #expect(budget.endWindow(at: RefusalBudget.window - 1) == nil)
        #expect(budget.endWindow(at: RefusalBudget.window) == 990)
        #expect(budget.dueNSec == nil, "told once")
        #expect(budget.refusal(of: 1000, at: RefusalBudget.window + 1) == .init(summary: nil, isLogged: true))
    }

    @Test("one user's flood does not hide another's refusal, however many users there are")
    func others() {
        var budget = RefusalBudget()
        for uid: UInt32 in 0..<100 {
            for _ in 0..<50 { _ = budget.refusal(of: uid, at: 0) }
            if uid < 10 { #expect(budget.refusal(of: 5000, at: 1).isLogged == (uid < 10)) }
        }
        var logged = 0
        for uid: UInt32 in 200..<10_000 where budget.refusal(of: uid, at: 2).isLogged { logged += 1 }
        #expect(logged == 0, "users beyond those that are told apart share what is left")
    }

    @Test("without a timer the next refusal tells what was not logged before")
    func late() {
        var budget = RefusalBudget()
        for _ in 0..<15 { _ = budget.refusal(of: nil, at: 0) }
        #expect(budget.refusal(of: nil, at: 61 * Self.second) == .init(summary: 5, isLogged: true))
    }
}
