import JSON
import NIOCore

/// A reply that many calls get: encoded once, and its bytes are shared by their connections.
public struct SharedReply: Sendable {
    let bytes: ByteBuffer
    let continues: Bool

    /// - Parameter parameters: appends one JSON object, or nothing.
    public init(continues: Bool = false, appending parameters: (inout ByteBuffer) -> Void) {
        var bytes = ByteBuffer()
        ReplyEncoding.appendReply(to: &bytes, continues: continues, parameters)
        self.bytes = bytes
        self.continues = continues
    }
}

/// Replies as bytes, appended to the output of a connection with their NUL.
enum ReplyEncoding {
    /// A reply whose parameters the closure appends as one JSON object, or not at all.
    static func appendReply(
        to output: inout ByteBuffer, continues: Bool, _ appendParameters: (inout ByteBuffer) -> Void
    ) {
        let start = output.writerIndex
        output.writeStaticString(#"{"parameters":"#)
        let before = output.writerIndex
        appendParameters(&output)
        let isEmpty = output.writerIndex == before
        if isEmpty { output.moveWriterIndex(to: start + 1) }
        if continues { output.writeStaticString(isEmpty ? #""continues":true"# : #","continues":true"#) }
        output.writeStaticString("}\0")
    }

    /// The same with the members from a writer, which is emptied.
    static func appendReply(
        to output: inout ByteBuffer, continues: Bool, writer: inout JSONWriter, _ members: (inout JSONWriter) -> Void
    ) {
        write(members, into: &writer)
        appendReply(to: &output, continues: continues) { output in
            // Empty parameters are left out: absent means the same.
            if writer.count > 2 { output.write(writer) }
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
