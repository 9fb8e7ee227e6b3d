import JSON
import TocsinDelivery
import Varlink

extension EventService {
    /// Answers a call with what the delivery says of it.
    func fail(_ connection: ServerConnection, _ call: Varlink.CallID, _ error: DeliveryError) {
        switch error {
        case .invalidParameter(let name, _):
            // The standard error names the parameter and has no room for the reason.
            connection.fail(call, .invalidParameter(name))
        case .timedOut: connection.fail(call, Self.error("TimedOut"))
        case .cancelled: connection.fail(call, Self.error("Cancelled"))
        case .shuttingDown(let cursor):
            connection.fail(call, Self.error("ShuttingDown")) { $0.member("cursor", cursor.description) }
        case .bufferTooSmall(let requiredBytes):
            connection.fail(call, Self.error("BufferTooSmall")) { $0.member("requiredBytes", requiredBytes) }
        case .cursorExpired(let oldest, let lost):
            connection.fail(call, Self.error("CursorExpired")) {
                $0.member("oldestCursor", oldest.description)
                $0.member("lost", lost)
            }
        case .alreadyOpen: connection.fail(call, Self.error("AlreadyOpen"))
        case .noSuchSession: connection.fail(call, Self.error("NoSuchSession"))
        case .limitExceeded(let limit, let value):
            connection.fail(call, Self.error("LimitExceeded")) {
                $0.member("limit", limit.rawValue)
                $0.member("value", value)
            }
        case .notConnected:
            // The connection was told to close: there is nobody to answer.
            break
        }
    }

    private static func error(_ name: String) -> String { "io.tocsin.Events.\(name)" }
}
