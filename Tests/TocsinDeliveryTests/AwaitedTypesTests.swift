import Testing
import TocsinEvents

@testable import TocsinDelivery

@Suite struct AwaitedTypesTests {
    @Test("a type is awaited from the first session that lets it pass to the last, whether a read pends or not")
    func sessions() throws {
        let driver = try Driver()
        #expect(driver.delivery.takeAwaitedTypes() == nil)
        let first = try driver.open(filter: Filter(types: [.exec, .exit]))
        #expect(driver.delivery.takeAwaitedTypes() == [.exec, .exit])
        let second = try driver.open(filter: Filter(types: [.exec]))
        driver.read(second)
        driver.append()
        #expect(driver.delivery.takeAwaitedTypes() == nil)
        driver.close(first)
        #expect(driver.delivery.takeAwaitedTypes() == [.exec])
        driver.close(second)
        #expect(driver.delivery.takeAwaitedTypes() == [])
    }

    @Test("without a filter of types a session waits for all of them, also one that a read has made")
    func allTypes() throws {
        let driver = try Driver()
        driver.read(driver.connect())
        #expect(driver.delivery.takeAwaitedTypes() == Set(EventType.known))
    }

    @Test("a subscription that is cancelled waits for nothing")
    func cancelled() throws {
        let driver = try Driver()
        _ = try driver.subscribe(driver.connect(uid: 0), filter: Filter(types: [.exit]))
        let name = try #require(driver.delivery.sessionStatus.first?.session)
        #expect(driver.delivery.takeAwaitedTypes() == [.exit])
        _ = try driver.cancel(name, by: driver.connect(uid: 0))
        #expect(driver.delivery.takeAwaitedTypes() == [])
    }

    @Test("a group waits for as long as it has a member, and again with its next")
    func groups() throws {
        let driver = try Driver()
        let first = try driver.open(filter: Filter(types: [.exit]), group: "g")
        #expect(driver.delivery.takeAwaitedTypes() == [.exit])
        let second = try driver.open(group: "g")
        driver.close(first)
        #expect(driver.delivery.takeAwaitedTypes() == nil)
        driver.close(second)
        #expect(driver.delivery.takeAwaitedTypes() == [])
        _ = try driver.open(group: "g")
        #expect(driver.delivery.takeAwaitedTypes() == [.exit])
    }

    @Test("who wants detections only waits for nothing that no rule looks at")
    func detectionsOnly() throws {
        let driver = try Driver()
        _ = try driver.open(filter: Filter(minimumSeverity: .informational))
        #expect(driver.delivery.takeAwaitedTypes() == nil)
        _ = try driver.open(filter: Filter(uids: [0]))
        #expect(driver.delivery.takeAwaitedTypes() == Set(EventType.known))
    }
}
