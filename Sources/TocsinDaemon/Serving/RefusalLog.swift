import Logging
import NIOCore
import TocsinSystemd
import Varlink

/// Logs who was refused, and no more of them than an administrator can read: a client that is refused a thousand
/// times a second must not fill the journal. All are counted in the status.
final class RefusalLog {
    private let logger: Logger
    private var windowBegan = NIODeadline.now()
    private var logged = 0
    private var suppressed = 0

    private static let window = TimeAmount.minutes(1)
    private static let perWindow = 20

    init(logger: Logger) { self.logger = logger }

    func record(_ notice: ServerNotice) {
        let now = NIODeadline.now()
        if now - windowBegan >= Self.window {
            if suppressed > 0 {
                logger.log(
                    level: .warning, .clientRefused, "Further refusals were not logged",
                    metadata: ["count": "\(suppressed)"])
            }
            (windowBegan, logged, suppressed) = (now, 0, 0)
        }
        guard logged < Self.perWindow else {
            suppressed += 1
            return
        }
        logged += 1
        switch notice {
        case .connectionOverLimit(let peer): refused(peer, "too many connections")
        case .connectionOverUserLimit(let peer): refused(peer, "too many connections of this user")
        case .connectionDenied(let peer): refused(peer, "access denied")
        case .violation(let violation, let peer): refused(peer, "\(violation)")
        case .acceptFailed(let code):
            logger.log(
                level: .warning, .clientRefused, "Cannot accept connections, continuing",
                metadata: ["errno": "\(code ?? 0)"])
        }
    }

    private func refused(_ peer: PeerCredentials, _ reason: String) {
        logger.log(
            level: .warning, .clientRefused, "Client refused",
            metadata: ["reason": "\(reason)", "peerPID": "\(peer.pid)", "peerUID": "\(peer.uid)"])
    }
}
