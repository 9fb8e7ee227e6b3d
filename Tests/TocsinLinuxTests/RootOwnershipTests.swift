import Glibc
import Testing

@testable import TocsinLinux

/// Files that decide what root's daemon does.
@Suite struct RootOwnershipTests {
    @Test(
        "what only root may write is trusted",
        arguments: [
            (0, 0, 0o100644), (0, 0, 0o100600), (0, 5, 0o100640), (0, 0, 0o100664), (0, 0, 0o040755), (0, 5, 0o041777),
        ])
    func trusted(_ owner: UInt32, _ group: UInt32, _ mode: UInt32) {
        #expect(RootOwnership.objection(owner: owner, group: group, mode: mode) == nil)
    }

    @Test(
        "what others may write is not, whether by owner, group or mode",
        arguments: [
            (1000, 0, 0o100600), (0, 5, 0o100664), (0, 0, 0o100646), (0, 0, 0o101646), (0, 0, 0o040777),
            (0, 5, 0o040775), (1000, 0, 0o041755),
        ])
    func refused(_ owner: UInt32, _ group: UInt32, _ mode: UInt32) {
        #expect(RootOwnership.objection(owner: owner, group: group, mode: mode) != nil)
    }

    @Test("the objection says what is there and what to do")
    func text() {
        #expect(
            RootOwnership.objection(owner: 0, group: 5, mode: 0o100664)
                == "others than root may write it (mode 0664, owner 0, group 5): chown root and chmod go-w")
    }
}
