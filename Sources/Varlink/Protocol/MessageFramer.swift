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

    /// The next message, if all of it has arrived. It shares memory with the stream: use it and let it go.
    mutating func next() throws(MessageTooLong) -> ByteBuffer? {
        guard let length = messageLength() else {
            guard searched <= maximumMessageBytes else { throw MessageTooLong() }
            return nil
        }
        guard length <= maximumMessageBytes else { throw MessageTooLong() }
        searched = 0
        let message = buffer.readSlice(length: length)
        buffer.moveReaderIndex(forwardBy: 1)
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

    private mutating func messageLength() -> Int? {
        let length: Int? = buffer.withUnsafeReadableBytes { bytes in
            guard let start = bytes.baseAddress, searched < bytes.count,
                let found = memchr(start + searched, 0, bytes.count - searched)
            else { return nil }
            return UnsafeRawPointer(found) - start
        }
        if length == nil { searched = buffer.readableBytes }
        return length
    }
}

/// A peer sends more than a message may have.
struct MessageTooLong: Error, Hashable, Sendable {}
