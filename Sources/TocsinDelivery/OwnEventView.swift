import JSON
internal import TocsinEvents

/// An event as it is told to a user who sees its own events only: without what others did, and without what the machine
/// knows of this user. What is not copied here is not told, so a member that events get one day is not told either.
///
/// - Another user's process among the ancestors is who it was, and not what it ran: an argument may be a secret that
///   its program has long since wiped out of /proc.
/// - A program's arguments are in its exec. At a fork or an end they may be those of another user, under whom the
///   process ran before it changed its user.
/// - Detections would tell whoever tries which rules do not see him.
/// - How many events a gap stands for includes others' events.
enum OwnEventView {
    /// nil where the event cannot be read.
    static func encode(_ json: [UInt8], for uid: UInt32) -> [UInt8]? {
        guard let value = try? JSONValue(parsing: json), let event = try? Event(json: value) else { return nil }
        var writer = JSONWriter()
        writer.event(event.seen(by: uid))
        return writer.bytes
    }
}

extension Event {
    fileprivate func seen(by uid: UInt32) -> Event {
        var event = Event(
            sequence: sequence, cursor: cursor, type: type, realtimeUSec: realtimeUSec, monotonicUSec: monotonicUSec,
            process: process, file: file, gap: gap.map { Gap(origin: $0.origin) })
        if type != .exec {
            event.process?.program.withoutCommandLine()
        }
        event.ancestors = ancestors.map { $0.uid == uid ? $0 : $0.identity }
        event.truncated = truncated.filter { $0 != "detections" }
        event.fullBytes = event.truncated.isEmpty ? nil : fullBytes
        return event
    }
}

extension Process.Program {
    fileprivate mutating func withoutCommandLine() {
        filename = nil
        arguments = nil
        argumentsTruncated = false
    }
}

extension Process {
    /// What `/proc/PID/stat` and `status` show everybody where /proc is mounted as usual (hidepid=0).
    fileprivate var identity: Process {
        var identity = Members(entityID: self.entityID, pid: self.pid, startTimeNSec: self.startTimeNSec)
        identity.parentPid = self.parentPid
        identity.uid = self.uid
        identity.effectiveUid = self.effectiveUid
        identity.comm = self.comm
        return Process(identity)
    }
}
