import JSON
import NIOCore

/// A reply that many calls get: encoded once, and its bytes are shared by their connections.
public struct SharedReply: Sendable {
    let bytes: ByteBuffer
    let continues: Bool

    /// - Parameters:
    ///   - bytes: room for the parameters.
    ///   - parameters: writes one JSON object, or nothing.
    public init(continues: Bool = false, upTo bytes: Int, writing parameters: (inout ReplySpace) -> Void) {
        var reply = ByteBuffer()
        ReplyEncoding.appendReply(to: &reply, continues: continues, upTo: bytes, parameters)
        self.bytes = reply
        self.continues = continues
    }
}

/// Replies as bytes, appended to the output of a connection with their NUL.
enum ReplyEncoding {
    /// Around the parameters.
    private static let envelopeBytes = 33

    /// A reply whose parameters the closure writes as one JSON object, or not at all.
    static func appendReply(
        to output: inout ByteBuffer, continues: Bool, upTo bytes: Int, _ writeParameters: (inout ReplySpace) -> Void
    ) {
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: bytes + envelopeBytes) { memory in
            var space = ReplySpace(memory)
            space.append(#"{"parameters":"#)
            let before = space.count
            writeParameters(&space)
            let isEmpty = space.count == before
            if isEmpty { space.removeLast(before - 1) }
            if continues { space.append(isEmpty ? #""continues":true"# : #","continues":true"#) }
            space.append("}\0")
            return space.count
        }
    }

    /// The same with the members from a writer, which is emptied.
    static func appendReply(
        to output: inout ByteBuffer, continues: Bool, writer: inout JSONWriter, _ members: (inout JSONWriter) -> Void
    ) {
        write(members, into: &writer)
        appendReply(to: &output, continues: continues, upTo: writer.count) { space in
            // Empty parameters are left out: absent means the same.
            if writer.count > 2 { writer.withSpan { space.append($0) } }
        }
        writer.removeAll()
    }

    static func appendError(
        _ name: String, to output: inout ByteBuffer, writer: inout JSONWriter, _ members: (inout JSONWriter) -> Void
    ) {
        writer.removeAll()
        writer.string(name)
        output.writeStaticString(#"{"error":"#)
        output.write(writer)
        write(members, into: &writer)
        if writer.count > 2 {
            output.writeStaticString(#","parameters":"#)
            output.write(writer)
        }
        output.writeStaticString("}\0")
        writer.removeAll()
    }

    private static func write(_ members: (inout JSONWriter) -> Void, into writer: inout JSONWriter) {
        writer.removeAll()
        writer.beginObject()
        members(&writer)
        writer.endObject()
    }
}

extension ByteBuffer {
    fileprivate mutating func write(_ writer: borrowing JSONWriter) {
        writer.withSpan { span in span.withUnsafeBufferPointer { _ = writeBytes($0) } }
    }
}
