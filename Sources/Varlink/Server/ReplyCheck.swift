import JSON
import NIOCore

/// Compares replies with what the interfaces declare, for tests: it keeps each call's method and parses each reply.
final class ReplyCheck {
    private struct Call {
        let method: String
        let interface: InterfaceDescription
        let output: [Field]
    }

    private let report: (_ method: String, ParameterMismatch) -> Void
    private var calls: [CallID: Call] = [:]

    init(_ report: @escaping (_ method: String, ParameterMismatch) -> Void) { self.report = report }

    func dispatched(_ id: CallID, _ route: Route) {
        calls[id] = Call(method: route.name, interface: route.description, output: route.method.output)
    }

    /// - Parameter bytes: The reply with its NUL.
    func replied(_ id: CallID, _ bytes: ByteBufferView, continues: Bool) {
        guard let call = calls[id] else { return }
        if !continues { calls[id] = nil }
        let result = bytes.dropLast().withContiguousStorageIfAvailable { bytes in
            Result { () throws(MalformedMessage) in try ReplyMessage(parsing: bytes) }
        }
        guard case .success(let reply) = result else {
            return report(call.method, ParameterMismatch(parameter: "", expected: "a reply"))
        }
        guard let fields = fields(of: reply, to: call) else {
            return report(call.method, ParameterMismatch(parameter: reply.error ?? "", expected: "a declared error"))
        }
        let parameters = reply.parameters.value.objectValue ?? JSONObject()
        if let mismatch = call.interface.mismatch(of: parameters, with: fields) { report(call.method, mismatch) }
    }

    /// Nil for an error that the interface does not declare; those of `org.varlink.service` belong to all.
    private func fields(of reply: ReplyMessage, to call: Call) -> [Field]? {
        guard let error = reply.error else { return call.output }
        let prefix = "\(call.interface.name)."
        if error.hasPrefix("org.varlink.service.") {
            return reply.parameters.members?.map { Field(name: $0.name, type: .any) }
        }
        guard error.hasPrefix(prefix) else { return nil }
        return call.interface.error(String(error.dropFirst(prefix.count)))?.parameters
    }
}
