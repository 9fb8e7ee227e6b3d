import Testing

@testable import TocsinDaemon

@Suite struct SourceSupervisionTests {
    @Test("the best candidate that opens runs")
    func order() {
        var supervision = SourceSupervision(candidates: 3)
        #expect(supervision.start() == .open(candidate: 0))
        #expect(supervision.refused(candidate: 0) == .open(candidate: 1))
        #expect(supervision.opened(candidate: 1) == .run(candidate: 1))
    }

    @Test("when none opens, all are tried again later, ever more rarely up to a bound")
    func backOff() {
        var supervision = SourceSupervision(candidates: 1)
        var pauses: [Duration] = []
        for _ in 0..<8 {
            guard case .wait(let pause) = supervision.refused(candidate: 0) else {
                Issue.record("expected a pause")
                return
            }
            pauses.append(pause)
            #expect(supervision.waited() == .open(candidate: 0))
        }
        #expect(pauses == [1, 2, 4, 8, 16, 32, 60, 60].map(Duration.seconds))
    }

    @Test("a source that fails soon after it started waits; one that ran steadily is reopened at once")
    func failure() {
        var supervision = SourceSupervision(candidates: 2)
        #expect(supervision.failed(afterRunning: .milliseconds(5)) == .wait(.seconds(1)))
        #expect(supervision.failed(afterRunning: .milliseconds(5)) == .wait(.seconds(2)))
        #expect(supervision.failed(afterRunning: .seconds(31)) == .open(candidate: 0))
        #expect(supervision.failed(afterRunning: .milliseconds(5)) == .wait(.seconds(1)))
    }
}
