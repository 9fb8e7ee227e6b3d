import Glibc

/// Makes calls of messages, for all connections of a server.
///
/// Keeps the latest call: a client that leaves reads pending says the same each time, and so do others like it.
final class CallParser {
    let methods: MethodTable

    /// As it was written, and what it was found to mean. Empty before the first, and after one that is not kept.
    private(set) var latestBytes: [UInt8] = []
    private var latest: CallMessage?

    /// A longer message is not kept.
    private static let mostBytes = 512

    init(_ methods: MethodTable) { self.methods = methods }

    func parse(_ bytes: UnsafeBufferPointer<UInt8>) throws(MalformedMessage) -> CallMessage {
        if let latest, isLatest(bytes) { return latest }
        let call = try CallMessage(parsing: bytes, methods: methods)
        latestBytes.removeAll(keepingCapacity: true)
        latest = nil
        if bytes.count <= Self.mostBytes {
            latestBytes.append(contentsOf: bytes)
            latest = call
        }
        return call
    }

    private func isLatest(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let latestBytes = latestBytes
        guard bytes.count == latestBytes.count, let start = bytes.baseAddress else { return false }
        return latestBytes.withUnsafeBufferPointer { memcmp($0.baseAddress!, start, bytes.count) == 0 }
    }
}
