import TestKit
import Testing
import TocsinEvents

@testable import TocsinSensors

struct ProcessKeyTests {
    @Test("an entity id is 64 bits in base 32, whatever they are")
    func entityID() throws {
        let boot = try #require(BootID("3f1c2d4e-5a6b-4c7d-8e9f-0a1b2c3d4e5f"))
        var random = SeededGenerator(seed: 1)
        for _ in 0..<1000 {
            let pid = Int32.random(in: 1..<(1 << 22), using: &random)
            let ticks = UInt64.random(in: 0..<(1 << 40), using: &random)
            let key = ProcessKey(pid: pid, startTimeNSec: ticks * 10_000_000)
            #expect(key.pid == pid && key.startTicks == ticks)
            let digits = String(((UInt64(pid) << 42 | ticks) ^ boot.mask).mixed, radix: 32)
            #expect(key.entityID(in: boot) == String(repeating: "0", count: 13 - digits.count) + digits)
        }
    }
}
