import Glibc
import JSON
import TestSupport
import Testing
import TocsinClient

/// `tocsin doctor` against the built daemon and its probes.
@Suite(.enabled(if: isRoot, "loading probes needs root")) struct DoctorTests {
    @Test("a daemon that watches with the probes and lost nothing is good: status 0, for eyes and for programs")
    func good() async throws {
        let daemon = try await RunningDaemon.ready(["--source", "ebpf"])
        let text = try await Self.doctor(daemon)
        #expect(text.status == 0 && text.errorText.isEmpty, "\(text.text)\(text.errorText)")
        #expect(text.text.contains("good     daemon    watches with ebpf\n"), "\(text.text)")
        #expect(text.text.contains("good     losses    no queue has lost an event\n"))
        let report = try Report(try await Self.doctor(daemon, "--format", "json"), status: 0)
        #expect(report.state == "good" && report.findings.allSatisfy { $0.state == "good" }, "\(report)")
    }

    @Test("the queue that lost events is named with their number and what helps: status 1")
    func losses() async throws {
        let daemon = try await RunningDaemon.overflowing()
        let text = try await Self.doctor(daemon)
        #expect(text.status == 1, "\(text.errorText)")
        #expect(text.text.contains("limited  losses    the kernel's queue of ebpf dropped "), "\(text.text)")
        #expect(text.text.contains("\n                   raise ebpf.ringSize\n"), "\(text.text)")
        let report = try Report(try await Self.doctor(daemon, "--format", "json"), status: 1)
        #expect(report.state == "limited")
        let finding = try #require(report.findings.first { $0.subject == "losses" })
        #expect(finding.state == "limited" && finding.advice == "raise ebpf.ringSize")
        #expect(finding.message?.hasPrefix("the kernel's queue of ebpf dropped ") == true)
    }

    @Test("a daemon that is gone is broken, and what the machine grants is told all the same: status 2")
    func gone() async throws {
        let daemon = try await RunningDaemon.ready(["--source", "ebpf"])
        daemon.process.send(SIGTERM)
        #expect(try await daemon.process.ended().status == 0)
        let text = try await Self.doctor(daemon)
        #expect(text.status == 2)
        #expect(text.text.contains("broken   daemon "), "\(text.text)")
        let report = try Report(try await Self.doctor(daemon, "--format", "json"), status: 2)
        #expect(report.state == "broken")
        #expect(report.findings.first { $0.subject == "ebpf" }?.state == "good")
    }

    private static func doctor(_ daemon: RunningDaemon, _ arguments: String...) async throws -> Subprocess {
        try await Subprocess.run(
            BuiltProgram.path("tocsin"), ["doctor", "--socket", daemon.socketPath] + arguments)
    }

    private struct Report {
        var state: String?
        var findings: [Finding]

        init(_ result: Subprocess, status: Int32) throws {
            #expect(result.status == status)
            let object = try JSONValue(parsing: result.output).objectValue
            state = object?["state"]?.stringValue
            findings = (object?["findings"]?.arrayValue ?? []).compactMap(Finding.init)
        }
    }

    private struct Finding {
        var subject, state, message, advice: String?

        init(_ json: JSONValue) {
            subject = json.objectValue?["subject"]?.stringValue
            state = json.objectValue?["state"]?.stringValue
            message = json.objectValue?["message"]?.stringValue
            advice = json.objectValue?["advice"]?.stringValue
        }
    }
}
