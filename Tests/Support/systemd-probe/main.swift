// A service for the tests of TocsinSystemd that does nothing but use it, inside a booted systemd.

import Glibc
import Logging
import TocsinEvents
import TocsinLinux
import TocsinSystemd

/// Writes one log message and one event about process `object` to the journal.
func writeJournal(object: Int32, unit: String?) throws {
    let writer = try JournalWriter(identifier: "systemd-probe")
    let logger = Logger(label: "probe") { JournalLogHandler(label: $0, writer: writer) }
    logger.log(
        level: .warning, .clientRefused, "Client refused",
        metadata: ["peerUID": "1000", "reason": "no\nsuch \u{1B}[31mthing"])
    var process = Process(entityID: "e", pid: object, startTimeNSec: 0)
    process.executable = "/usr/bin/observed"
    process.arguments = ["observed", "\u{1B}[2J", "a b"]
    process.uid = 4242
    process.unit = unit
    var event = Event(
        sequence: 7, cursor: Cursor(instance: 1, sequence: 7), type: .exec, realtimeUSec: 1, monotonicUSec: 1)
    event.process = process
    writer.submit(JournalEntry(event))
    exit(writer.close() && writer.lost == 0 ? 0 : 1)
}

/// Counts its own starts in a descriptor of the FD store, tells them in its status, and feeds the watchdog.
func serve() throws {
    let manager = ServiceManager()
    var inherited = InheritedDescriptors()
    let sockets = inherited.takeSockets()
    let stored = inherited.take { $0 == "starts" }.map(\.descriptor)
    // The counter of an eventfd is the state that must survive: it lives in the kernel.
    let counter =
        if let number = stored.first { FileDescriptor(owning: number) } else {
            FileDescriptor(owning: try EventFD().descriptor.duplicate().release())
        }
    var starts: UInt64 = 0
    _ = try withUnsafeMutableBytes(of: &starts) { try counter.read(into: $0) }
    starts += 1
    try counter.writeAll(withUnsafeBytes(of: starts) { Array($0) })
    if stored.isEmpty, let name = DescriptorName("starts") { manager.store(counter.rawValue, name: name) }
    _ = manager.barrier()
    manager.notify(
        .ready(
            status: "starts=\(starts) stored=\(stored.count) sockets=\(sockets.count) others=\(inherited.names)"))
    while true {
        usleep(UInt32(min(manager.watchdogUSec ?? 1_000_000, 500_000) / 2))
        manager.notify(.watchdog)
    }
}

/// Logs more than the queue takes, tells how much was lost at once, and keeps the rest coming.
func flood() throws {
    let writer = try JournalWriter(identifier: "systemd-probe", maximumEntries: 100)
    let entry = {
        var entry = JournalEntry(.info, nil)
        entry.field("MESSAGE", "flood")
        return entry
    }()
    for _ in 0..<2000 { writer.submit(entry) }
    ServiceManager().notify(.ready(status: "lost: \(writer.lost)"))
    while true { sleep(1) }
}

switch CommandLine.arguments.dropFirst().first {
case "journal":
    let arguments = CommandLine.arguments.dropFirst(2)
    try writeJournal(object: arguments.first.flatMap { Int32($0) } ?? 1, unit: arguments.dropFirst().first)
case "serve": try serve()
case "flood": try flood()
default: exit(64)
}
