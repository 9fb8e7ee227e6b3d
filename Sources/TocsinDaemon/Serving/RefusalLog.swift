import Logging
import NIOCore
import TocsinSystemd
import Varlink

/// Logs who was refused, and no more of them than an administrator can read. All are counted in the status.
///
/// Lives on the event loop. Owns the timer that tells how many were not logged.
final class RefusalLog {
    private let eventLoop: any EventLoop
    private let logger: Logger
    private var budget = RefusalBudget()
    private var timer: Scheduled<Void>?

    init(on eventLoop: any EventLoop, logger: Logger) {
        self.eventLoop = eventLoop
        self.logger = logger
    }

    func record(_ notice: ServerNotice) {
        let decision = budget.refusal(of: notice.peer?.uid, at: eventLoop.now.uptimeNanoseconds)
        tell(decision.summary)
        if decision.isLogged { log(notice) }
        setTimer()
    }

    func stop() { timer?.cancel() }

    private func log(_ notice: ServerNotice) {
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

    private func tell(_ suppressed: UInt64?) {
        guard let suppressed else { return }
        logger.log(
            level: .warning, .clientRefused, "Further refusals were not logged", metadata: ["count": "\(suppressed)"])
    }

    private func setTimer() {
        guard timer == nil, let due = budget.dueNSec else { return }
        timer = eventLoop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(due)) { [weak self] in
            guard let self else { return }
            timer = nil
            tell(budget.endWindow(at: eventLoop.now.uptimeNanoseconds))
            setTimer()
        }
    }
}

extension ServerNotice {
    /// Who was refused; nil where it was not a client's fault.
    fileprivate var peer: PeerCredentials? {
        switch self {
        case .connectionOverLimit(let peer), .connectionOverUserLimit(let peer), .connectionDenied(let peer),
            .violation(_, let peer):
            peer
        case .acceptFailed: nil
        }
    }
}
