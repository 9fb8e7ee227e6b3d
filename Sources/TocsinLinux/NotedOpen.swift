import CTocsinLinux
import Glibc

/// An event of FAN_OPEN_EXEC and the file it is about, in memory that outlives the process.
///
/// A descriptor that came with an event dies with its reader, and with it all knowledge of what was opened. So the
/// file's identity and path are written beside the event at once. Does not own the memory.
package struct NotedOpen {
    private let note: UnsafeMutablePointer<tocsin_noted_open>

    /// What one entry takes at most, with the header of zeros behind it.
    package static let byteLimit = MemoryLayout<tocsin_noted_open>.size * 2 + 4096
    private static let headerBytes = MemoryLayout<tocsin_noted_open>.size

    /// The entry that begins at `offset`, a multiple of 8; nil where no header fits. It may hold anything.
    package init?(in memory: UnsafeMutableRawBufferPointer, at offset: Int) {
        guard offset >= 0, offset.isMultiple(of: 8), offset + Self.headerBytes <= memory.count,
            let base = memory.baseAddress
        else { return nil }
        note = (base + offset).assumingMemoryBound(to: tocsin_noted_open.self)
    }

    /// Makes an empty entry of whatever is there.
    package static func clear(in memory: UnsafeMutableRawBufferPointer, at offset: Int) {
        let end = min(offset + headerBytes, memory.count)
        UnsafeMutableRawBufferPointer(rebasing: memory[offset..<end]).initializeMemory(as: UInt8.self, repeating: 0)
    }

    /// Copies this complete entry to `offset`, where `byteLimit` bytes of room are and begin with a length of 0.
    package func copy(to memory: UnsafeMutableRawBufferPointer, at offset: Int, boottimeNSec: UInt64) -> NotedOpen? {
        guard offset + Self.byteLimit <= memory.count, byteCount > 0, byteCount <= Self.byteLimit - Self.headerBytes,
            let copy = NotedOpen(in: memory, at: offset)
        else { return nil }
        tocsin_copy_noted_open(copy.note, note)
        copy.note.pointee.boottime_nsec = boottimeNSec
        return copy
    }

    // MARK: As it was read

    /// Of the entry, a multiple of 8; 0 where nothing is noted.
    package var byteCount: Int { Int(note.pointee.length) }
    /// The kernel gave an event, though nothing may be noted of its file.
    package var wasRead: Bool { metadata.event_len != 0 }
    package var mask: FanotifyGroup.Mask { FanotifyGroup.Mask(rawValue: metadata.mask) }
    package var pid: Int32 { metadata.pid }
    package var identity: FileIdentity { FileIdentity(device: note.pointee.device, inode: note.pointee.inode) }
    package var mode: UInt32 { note.pointee.mode }
    package var links: UInt64 { UInt64(note.pointee.links) }
    package var realtimeUSec: UInt64 { note.pointee.realtime_usec }
    package var monotonicUSec: UInt64 { note.pointee.monotonic_usec }
    /// Before it was read: `Clock.boottimeNSec`.
    package var boottimeNSec: UInt64 { note.pointee.boottime_nsec }

    /// As the descriptor's link in /proc had it; empty where there was none.
    package var path: [UInt8] {
        let count = max(0, min(Int(note.pointee.path_length), byteCount - Self.headerBytes))
        return Array(UnsafeRawBufferPointer(start: UnsafeRawPointer(note + 1), count: count))
    }

    // MARK: What is found out later

    /// The user's word, 0 at first. Whatever is set before it, here or in other entries, is there where it is.
    package var state: UInt64 { note.pointee.state }
    package func setState(_ state: UInt64) { tocsin_set_noted_state(note, state) }

    /// The user's bits, 0 at first.
    package var roles: UInt16 { note.pointee.roles }
    package func setRoles(_ roles: UInt16) { note.pointee.roles = roles }

    /// When the process was started; 0 where that is not known.
    package var startTimeNSec: UInt64 { note.pointee.start_nsec }
    package func setStartTime(_ nanoseconds: UInt64) { note.pointee.start_nsec = nanoseconds }

    /// The user's number and text; a text that finds no room is left out.
    package var format: (kind: UInt16, text: [UInt8]) {
        let count = min(Int(note.pointee.interpreter_length), MemoryLayout.size(ofValue: note.pointee.interpreter))
        return (note.pointee.format, withUnsafeBytes(of: &note.pointee.interpreter) { Array($0[..<count]) })
    }

    package func setFormat(kind: UInt16, text: [UInt8]) {
        withUnsafeMutableBytes(of: &note.pointee.interpreter) { room in
            let fitting = text.count <= room.count ? text : []
            room.copyBytes(from: fitting)
            note.pointee.interpreter_length = UInt16(fitting.count)
        }
        note.pointee.format = kind
    }

    // MARK: Reading

    /// False where there was no event.
    func read(_ group: borrowing FileDescriptor, size: Int) throws(SystemError) -> Bool {
        let number = group.rawValue
        return try syscallOrWouldBlock("read fanotify") { tocsin_read_noted_open(number, note, size) } != nil
    }

    func event(size: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: UnsafeRawPointer(note) + Self.eventOffset, count: size)
    }

    private static let eventOffset = MemoryLayout<tocsin_noted_open>.offset(of: \.event)!

    private var metadata: fanotify_event_metadata {
        UnsafeRawPointer(note).loadUnaligned(fromByteOffset: Self.eventOffset, as: fanotify_event_metadata.self)
    }
}
