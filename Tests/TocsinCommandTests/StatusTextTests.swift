import JSON
import TestSupport
import Testing
import TocsinClient
import TocsinCommand

@Suite(.timeLimit(.minutes(1))) struct StatusTextTests {
    private static let status: JSONObject = [
        "version": .string("0.1.0"), "instance": .string("00000000000000a5"), "bootId": .string("b1"),
        "state": .string("running"),
        "sources": .array([
            .object([
                "name": .string("fanotify"), "state": .string("running"), "seen": .integer(12345), "lost": .integer(1),
                "note": .string("arguments of a process that ends at once"),
            ]),
            .object([
                "name": .string("ebpf"), "state": .string("unavailable"), "seen": .integer(0), "lost": .integer(0),
                "note": .string("no BTF\u{1B}[2J"),
                "records": .array([
                    .object([
                        "type": .string("exec"), "seen": .integer(1003), "submitted": .integer(1000),
                        "lost": .integer(3), "delivered": .integer(998),
                    ])
                ]), "undecodable": .integer(2), "shortened": .integer(0),
            ]),
        ]),
        "lastSequence": .integer(900), "oldestCursor": .string(ScriptedDaemon.cursor(100)),
        "logBytes": .integer(1_572_864), "logCapacity": .integer(67_108_864), "seen": .integer(900),
        "delivered": .integer(850), "lostKernel": .integer(1), "lostDaemon": .integer(0), "lostJournal": .integer(0),
        "refused": .object(["connections": .integer(4)]), "sessionCount": .integer(1), "pendingReads": .integer(3),
        "rules": .integer(31),
        "sessions": .array([
            .object([
                "session": .string("s-1"), "pid": .integer(77), "uid": .integer(0), "group": .string("a b"),
                "pendingReads": .integer(3), "queued": .integer(0), "delivered": .integer(850), "lost": .integer(2),
            ])
        ]),
    ]

    @Test("status is aligned, and nothing in it is raw")
    func text() throws {
        let text = StatusText(style: Style(isColoured: false), userName: { $0 == 0 ? "root" : "\($0)" })
        #expect(
            text.text(of: try Status(json: .object(Self.status))) == """
                tocsin 0.1.0  running  instance 00000000000000a5, boot b1

                Sources   NAME      STATE         SEEN  LOST  LIMITATION
                          fanotify  running      12345     1  arguments of a process that ends at once
                          ebpf      unavailable      0     0  $'no BTF\\e[2J'
                Records   SOURCE  TYPE  SEEN  SUBMITTED  LOST  DELIVERED
                          ebpf    exec  1003       1000     3        998
                          2 not understood (ebpf)
                Log       1.5 MiB of 64.0 MiB, numbers 101 to 900
                Events    900 seen, 850 delivered
                Lost      1 in the kernel, 0 in the daemon, 0 not written to the journal
                Readers   1 session, 3 reads pending
                Rules     31
                Refused   LIMIT        TIMES
                          connections      4
                Sessions  SESSION  PID  USER  GROUP  PENDING  QUEUED  DELIVERED  LOST
                          s-1       77  root  'a b'        3       0        850     2

                """)
    }

    @Test("colour is for losses")
    func colour() throws {
        let text = StatusText(style: Style(isColoured: true), userName: { "\($0)" })
            .text(of: try Status(json: .object(Self.status)))
        #expect(text.contains("\u{1B}[1;31m1 in the kernel\u{1B}[0m, 0 in the daemon"))
    }

    @Test("the command prints the text, or the reply as one JSON line")
    func command() async throws {
        let daemon = try await ScriptedDaemon.start()
        for arguments in [["status"], ["status", "--format", "json"]] {
            let command = try RunningSubprocess(
                BuiltProgram.path("tocsin"), arguments + ["--socket", daemon.socketPath])
            try await daemon.next("GetStatus").reply(Self.status)
            let result = try await command.ended()
            #expect(result.status == 0)
            if arguments.count == 1 {
                #expect(result.text.hasPrefix("tocsin 0.1.0  running"))
            } else {
                #expect(try JSONValue(parsing: result.output) == .object(Self.status))
            }
        }
        try await daemon.stop()
    }
}
