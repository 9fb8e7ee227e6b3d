import TocsinLinux
import Varlink

/// Who may see what, decided from what the kernel says of a peer. Who may connect at all is decided by the permissions
/// of the socket.
struct SocketAccess: Hashable {
    var policy: Configuration.SocketAccessPolicy
    /// The daemon's own user: the socket is its file.
    var owner: UInt32
    /// Members see everything under either policy; nil where the machine has no such group.
    var group: UInt32?

    init(policy: Configuration.SocketAccessPolicy = .group, owner: UInt32 = 0, group: UInt32? = nil) {
        self.policy = policy
        self.owner = owner
        self.group = group
    }

    /// Asks the user database for the group.
    init(_ configuration: Configuration) {
        self.init(
            policy: configuration.socketAccess, owner: UserDatabase.currentUID,
            group: try? UserDatabase.group(named: configuration.socketGroup))
    }

    /// - Parameter peer: with the user and groups that the process had when it connected.
    func view(of peer: PeerCredentials) -> View {
        if peer.uid == 0 { return .root }
        switch policy {
        case .group: return .everything
        case .ownEvents:
            let seesAll = peer.uid == owner || group.map(peer.isMember(of:)) == true
            return seesAll ? .everything : .ownEvents(peer.uid)
        }
    }

    enum View: Hashable {
        /// And who is connected.
        case root
        case everything
        case ownEvents(UInt32)
    }

    /// Permissions of a socket that the daemon makes itself.
    func socketMode(_ configured: UInt32) -> UInt32 { policy == .ownEvents ? configured | 0o666 : configured }

    /// Why a socket that was handed over does not do what the policy says; nil where it does.
    func objection(toSocketMode mode: UInt32) -> String? {
        let isOpen = mode & 0o002 != 0
        return switch policy {
        case .ownEvents where !isOpen: "socket.access is own-events, but only its group may connect"
        case .group where isOpen: "socket.access is group, but everybody may connect and sees all events"
        case .ownEvents, .group: nil
        }
    }
}
