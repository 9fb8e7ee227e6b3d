import Testing
import Varlink

@testable import TocsinDaemon

/// Who may see what.
@Suite struct SocketAccessTests {
    private func peer(_ uid: UInt32, gid: UInt32 = 100, groups: [UInt32] = []) -> PeerCredentials {
        PeerCredentials(pid: 1, uid: uid, gid: gid, groups: groups)
    }

    @Test("under group whoever may connect sees all events, and root also who is connected")
    func group() {
        let access = SocketAccess(policy: .group, group: 7)
        #expect(access.view(of: peer(0)) == .root)
        #expect(access.view(of: peer(1000)) == .everything)
        #expect(access.socketMode(0o660) == 0o660)
    }

    @Test("under own-events root, the daemon's own user and the socket's group see all events, and nobody else")
    func ownEvents() {
        let access = SocketAccess(policy: .ownEvents, owner: 990, group: 7)
        #expect(access.view(of: peer(0)) == .root)
        #expect(access.view(of: peer(990)) == .everything)
        #expect(access.view(of: peer(1000, gid: 7)) == .everything)
        #expect(access.view(of: peer(1000, groups: [4, 7])) == .everything)
        #expect(access.view(of: peer(1000, groups: [4, 8])) == .ownEvents(1000))
        #expect(access.socketMode(0o660) == 0o666)
    }

    @Test("a machine without the group has no members of it")
    func noGroup() {
        let access = SocketAccess(policy: .ownEvents, group: nil)
        #expect(access.view(of: peer(1000, gid: 0, groups: [0])) == .ownEvents(1000))
    }

    @Test("a socket from systemd that lets other users in than the configuration means is objected to")
    func objections() {
        let own = SocketAccess(policy: .ownEvents)
        let group = SocketAccess(policy: .group)
        #expect(own.objection(toSocketMode: 0o140666) == nil)
        #expect(own.objection(toSocketMode: 0o140660) != nil)
        #expect(group.objection(toSocketMode: 0o140660) == nil)
        #expect(group.objection(toSocketMode: 0o140666) != nil)
    }
}
