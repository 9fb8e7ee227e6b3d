import Testing
import TocsinSensors

struct LossLedgerTests {
    @Test("losses become gaps once, whatever the order in which the probes read the counter")
    func once() {
        var ledger = LossLedger()
        #expect(ledger.missing(when: 0) == nil)
        #expect(ledger.missing(when: 3) == 3)
        #expect(ledger.missing(when: 2) == nil)
        #expect(ledger.missing(when: 3) == nil)
        #expect(ledger.missing(when: 10) == 7)
        #expect(ledger.reported == 10)
    }

    @Test("a later reader tells only of what is new")
    func resumed() {
        var ledger = LossLedger(reported: 10)
        #expect(ledger.missing(when: 10) == nil)
        #expect(ledger.missing(when: 11) == 1)
    }
}
