import Testing

@testable import TocsinSystemd

@Suite struct WatchdogPolicyTests {
    private var policy = WatchdogPolicy(patience: 10)

    @Test("a worker without work is well, however long nothing is completed")
    mutating func idle() {
        policy.observe("delivery", completed: 5, hasWork: false, now: 0)
        policy.observe("delivery", completed: 5, hasWork: false, now: 1000)
        #expect(policy.verdict(now: 1000) == .well)
    }

    @Test("work that waits without progress for the whole patience withholds the watchdog")
    mutating func stuck() {
        policy.observe("delivery", completed: 5, hasWork: true, now: 0)
        policy.observe("delivery", completed: 5, hasWork: true, now: 9)
        #expect(policy.verdict(now: 9) == .well)
        policy.observe("delivery", completed: 5, hasWork: true, now: 10)
        #expect(policy.verdict(now: 10) == .stuck(["delivery"]))
    }

    @Test("progress, or an empty queue, starts the patience anew")
    mutating func progress() {
        policy.observe("delivery", completed: 5, hasWork: true, now: 0)
        policy.observe("delivery", completed: 6, hasWork: true, now: 9)
        #expect(policy.verdict(now: 18) == .well)
        #expect(policy.verdict(now: 19) == .stuck(["delivery"]))
        policy.observe("delivery", completed: 6, hasWork: false, now: 20)
        policy.observe("delivery", completed: 6, hasWork: true, now: 21)
        #expect(policy.verdict(now: 30) == .well)
    }

    @Test("one stuck worker is enough, and it is named; a forgotten one is not asked")
    mutating func several() {
        policy.observe("fanotify", completed: 1, hasWork: true, now: 0)
        policy.observe("delivery", completed: 1, hasWork: true, now: 0)
        policy.observe("delivery", completed: 2, hasWork: true, now: 10)
        #expect(policy.verdict(now: 10) == .stuck(["fanotify"]))
        policy.forget("fanotify")
        #expect(policy.verdict(now: 10) == .well)
    }
}
