import Testing
import TocsinDoctor

struct DoctorTests {
    private let doctor = Doctor(
        facts: EBPFFacts(kernelRelease: "6.1.0", hasBTF: true, capabilities: 1 << 21, lockdown: nil))

    private func state(_ sources: [Doctor.DaemonState.Source], lostDaemon: UInt64 = 0, lostJournal: UInt64 = 0)
        -> Result<Doctor.DaemonState, Doctor.Unreachable>
    {
        .success(Doctor.DaemonState(sources: sources, lostDaemon: lostDaemon, lostJournal: lostJournal))
    }

    @Test("a daemon that watches with its best source and lost nothing is good")
    func good() {
        let findings = doctor.findings(
            daemon: state([
                .init(name: "ebpf", state: "running", lost: 0, note: "a limitation"),
                .init(name: "fanotify", state: "standby", lost: 0, note: nil),
            ]))
        #expect(findings.allSatisfy { $0.state == .good })
        #expect(Set(findings.map(\.subject)) == ["ebpf", "fanotify", "daemon", "losses"])
    }

    @Test("a lesser source is told with the reason why the better one does not run")
    func lesser() throws {
        let findings = doctor.findings(
            daemon: state([
                .init(name: "ebpf", state: "refused", lost: 0, note: "ebpf: load the probes: no CAP_BPF"),
                .init(name: "proc", state: "running", lost: 0, note: nil),
            ]))
        let daemon = try #require(findings.first { $0.subject == "daemon" })
        #expect(daemon.state == .limited)
        #expect(daemon.message == "watches with proc, because ebpf: load the probes: no CAP_BPF")
    }

    @Test("the queue that loses events is named, with the setting that makes it larger")
    func losses() {
        let ring = [Doctor.DaemonState.Source(name: "ebpf", state: "running", lost: 7, note: nil)]
        let losses = doctor.findings(daemon: state(ring, lostDaemon: 8, lostJournal: 9)).filter {
            $0.subject == "losses"
        }
        #expect(losses.map(\.state) == [.limited, .limited, .limited])
        #expect(losses[0].message.contains("ebpf dropped 7") && losses[0].advice?.contains("ebpf.ringSize") == true)
        #expect(losses[1].message.contains("event log dropped 8") && losses[1].advice?.contains("log.size") == true)
        #expect(losses[2].message.contains("journal dropped 9"))
    }

    @Test("a daemon that does not answer, or watches with nothing, is broken")
    func broken() {
        let silent = doctor.findings(daemon: .failure(Doctor.Unreachable(reason: "no socket", wayOut: "start it")))
        #expect(silent.last == Finding("daemon", .broken, "no socket", advice: "start it"))
        let idle = doctor.findings(daemon: state([.init(name: "proc", state: "failed", lost: 0, note: "proc: gone")]))
        #expect(idle.first { $0.subject == "daemon" }?.state == .broken)
    }

    @Test("what a user lacks is not held against the machine, and what the kernel lacks is")
    func kernel() {
        var facts = EBPFFacts(kernelRelease: "6.1.0", hasBTF: true, capabilities: 0, lockdown: nil)
        #expect(Doctor(facts: facts).findings(daemon: state([]))[0].state == .good)
        facts.hasBTF = false
        let finding = Doctor(facts: facts).findings(daemon: state([]))[0]
        #expect(finding.state == .limited && finding.message.contains("/sys/kernel/btf/vmlinux"))
    }
}
