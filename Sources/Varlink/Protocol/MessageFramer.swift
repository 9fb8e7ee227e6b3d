import Glibc
import NIOCore

/// Cuts a byte stream into messages, each ended by NUL (UAPI.20, "Framing").
///
/// Owns the bytes that are no whole message yet; each byte is searched once. The same bytes give the same messages,
/// however they were cut on their way.
struct MessageFramer {
    /// The longest message in bytes, without its NUL.
    let maximumMessageBytes: Int

    private var buffer = ByteBuffer()
    /// Readable bytes that are known to hold no NUL.
    private var searched = 0

    init(maximumMessageBytes: Int) { self.maximumMessageBytes = maximumMessageBytes }

    /// Bytes that wait for the rest of their message or to be taken.
    var bufferedBytes: Int { buffer.readableBytes }

    mutating func append(_ bytes: inout ByteBuffer) {
        if buffer.readableBytes == 0 {
            // Shares the memory of what was received: usually it holds whole messages, and is read at once.
            buffer = bytes
        } else {
            buffer.writeBuffer(&bytes)
        }
    }

    /// Hands out the next message where it lies, if all of it has arrived.
    mutating func next<R>(_ body: (UnsafeBufferPointer<UInt8>) -> R) throws(MessageTooLong) -> R? {
        var result: R?
        let length = buffer.withUnsafeReadableBytes { bytes in
            let length = messageLength(in: bytes)
            if let length, length <= maximumMessageBytes {
                result = body(UnsafeRawBufferPointer(rebasing: bytes[..<length]).assumingMemoryBound(to: UInt8.self))
            }
            return length
        }
        try pass(length)
        return result
    }

    /// Passes over messages that are the same as this, which is not empty, and says how many.
    mutating func skip(_ message: [UInt8], atMost most: Int) -> Int {
        let size = message.count + 1
        guard !message.isEmpty, most > 0, buffer.readableBytes >= size else { return 0 }
        let count = buffer.withUnsafeReadableBytes { bytes in
            message.withUnsafeBufferPointer { message in
                var count = 0
                while count < most, (count + 1) * size <= bytes.count, bytes[(count + 1) * size - 1] == 0,
                    memcmp(bytes.baseAddress! + count * size, message.baseAddress!, message.count) == 0
                {
                    count += 1
                }
                return count
            }
        }
        guard count > 0 else { return 0 }
        searched = 0
        buffer.moveReaderIndex(forwardBy: count * size)
        return count
    }

    /// The same with memory that is shared with the stream: use it and let it go.
    mutating func next() throws(MessageTooLong) -> ByteBuffer? {
        let length = buffer.withUnsafeReadableBytes { messageLength(in: $0) }
        let message = length.flatMap { buffer.getSlice(at: buffer.readerIndex, length: $0) }
        try pass(length)
        return message
    }

    /// Called when no message is taken for now: what is left moves into memory of its own, of its own size.
    ///
    /// An idle connection thereby holds next to nothing, and the channel gets back the buffer it received into.
    mutating func releaseMemory() {
        guard buffer.readableBytes * 2 < buffer.storageCapacity else { return }
        var rest = ByteBuffer()
        if buffer.readableBytes > 0 { rest.writeImmutableBuffer(buffer) }
        buffer = rest
    }

    /// Without the NUL.
    private func messageLength(in bytes: UnsafeRawBufferPointer) -> Int? {
        guard let start = bytes.baseAddress, searched < bytes.count,
            let found = memchr(start + searched, 0, bytes.count - searched)
        else { return nil }
        return UnsafeRawPointer(found) - start
    }

    /// Goes behind a message of this length, or notes that none is whole.
    private mutating func pass(_ length: Int?) throws(MessageTooLong) {
        if length == nil { searched = buffer.readableBytes }
        guard length ?? searched <= maximumMessageBytes else { throw MessageTooLong() }
        guard let length else { return }
        searched = 0
        buffer.moveReaderIndex(forwardBy: length + 1)
    }
}

/// A peer sends more than a message may have.
struct MessageTooLong: Error, Hashable, Sendable {}
