import Glibc

/// The arguments of a process, as the kernel keeps them: one after another, each ended by NUL, which so none contains.
///
/// In one piece, because many events have some, and a process may have thousands: each as an array of its own would take
/// 40 bytes more.
public struct Arguments: Hashable, Sendable {
    /// All of them, each with its NUL.
    public let bytes: [UInt8]

    /// - Parameter bytes: as in `/proc/PID/cmdline`. The last NUL may be missing.
    public init(bytes: [UInt8]) {
        guard let last = bytes.last, last != 0 else {
            self.bytes = bytes
            return
        }
        // An array that grows takes twice the room, and this one may be kept.
        var ended: [UInt8] = []
        ended.reserveCapacity(bytes.count + 1)
        ended += bytes
        ended.append(0)
        self.bytes = ended
    }

    /// An argument ends where it contains NUL.
    public init(_ arguments: some Sequence<ByteString>) {
        var bytes: [UInt8] = []
        for argument in arguments {
            bytes += argument.bytes.prefix { $0 != 0 }
            bytes.append(0)
        }
        self.bytes = bytes
    }

    /// Their bytes, without NUL, where they are.
    package func forEachBytes(_ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        bytes.withUnsafeBufferPointer { bytes in
            guard var start = bytes.baseAddress else { return }
            var left = bytes.count
            while left > 0, let nul = memchr(start, 0, left) {
                let length = UnsafeRawPointer(nul) - UnsafeRawPointer(start)
                body(UnsafeBufferPointer(start: start, count: length))
                (start, left) = (start + length + 1, left - length - 1)
            }
        }
    }
}

extension Arguments: BidirectionalCollection {
    public struct Index: Comparable, Hashable, Sendable {
        /// Where it begins.
        fileprivate let offset: Int

        public static func < (left: Index, right: Index) -> Bool { left.offset < right.offset }
    }

    public var startIndex: Index { Index(offset: 0) }
    public var endIndex: Index { Index(offset: bytes.count) }

    public func index(after index: Index) -> Index { Index(offset: end(of: index) + 1) }

    public func index(before index: Index) -> Index {
        let nul = bytes[..<(index.offset - 1)].lastIndex(of: 0)
        return Index(offset: nul.map { $0 + 1 } ?? 0)
    }

    public subscript(index: Index) -> ByteString { ByteString(Array(bytes[index.offset..<end(of: index)])) }

    /// Where its NUL is.
    private func end(of index: Index) -> Int { bytes[index.offset...].firstIndex(of: 0) ?? bytes.count }
}

extension Arguments: ExpressibleByArrayLiteral {
    public init(arrayLiteral arguments: ByteString...) { self.init(arguments) }
}

extension Arguments: CustomStringConvertible, CustomReflectable {
    public var description: String { Array(self).description }
    public var customMirror: Mirror { Mirror(reflecting: Array(self)) }
}
