import Glibc
import Testing
import TocsinDoctor

struct EBPFDiagnosisTests {
    private let able = EBPFFacts(
        kernelRelease: "6.1.0-38-amd64", hasBTF: true, capabilities: 1 << 38 | 1 << 39, lockdown: "integrity")

    @Test("nothing stands in the way of CAP_BPF and CAP_PERFMON on a kernel with BTF")
    func nothing() {
        #expect(EBPFDiagnosis(facts: able).obstacles.isEmpty)
    }

    @Test("each thing that is missing is named")
    func obstacles() {
        func obstacles(_ change: (inout EBPFFacts) -> Void) -> String {
            var facts = able
            change(&facts)
            return EBPFDiagnosis(facts: facts).obstacles.joined(separator: "; ")
        }
        #expect(obstacles { $0.kernelRelease = "5.4.0-200-generic" }.contains("older than 5.8"))
        #expect(obstacles { $0.kernelRelease = "5.8.0" }.isEmpty)
        #expect(obstacles { $0.kernelRelease = "4.19" }.contains("older than 5.8"))
        #expect(obstacles { $0.hasBTF = false }.contains("/sys/kernel/btf/vmlinux"))
        #expect(obstacles { $0.capabilities = 1 << 38 }.contains("CAP_BPF"))
        #expect(obstacles { $0.capabilities = 1 << 39 }.contains("CAP_PERFMON"))
        #expect(obstacles { $0.capabilities = 1 << 21 }.isEmpty)
        #expect(obstacles { $0.processNumbers = 2 }.contains("/proc shows another pid namespace"))
        #expect(obstacles { $0.lockdown = "confidentiality" }.contains("lockdown"))
    }

    @Test("a pid namespace of its own is no obstacle where /proc shows it, and the probes are told of it")
    func nestedNamespace() {
        var facts = able
        #expect(facts.nestedPidNamespace == nil)
        facts.pidNamespace = 4_026_531_836
        #expect(facts.nestedPidNamespace == nil)
        facts.pidNamespace = 4_026_532_000
        #expect(facts.nestedPidNamespace == 4_026_532_000 && EBPFDiagnosis(facts: facts).obstacles.isEmpty)
        let finding = Doctor(facts: facts).findings(
            daemon: .failure(Doctor.Unreachable(reason: "", wayOut: nil)))[0]
        #expect(finding.state == .good && finding.message.contains("this pid namespace, not of the machine"))
    }

    @Test("a failure without a known obstacle quotes the kernel, and the verifier's last words")
    func reason() {
        let diagnosis = EBPFDiagnosis(facts: able)
        #expect(diagnosis.reason(failure: EPERM, log: "").contains("seccomp"))
        #expect(diagnosis.reason(failure: ENOMEM, log: "").contains("smaller"))
        let log = (0..<100).map { "line \($0)" }.joined(separator: "\n") + "\n-- END PROG LOAD LOG --\n"
        let reason = diagnosis.reason(failure: EACCES, log: log)
        #expect(reason.contains("line 99") && !reason.contains("line 50") && reason.contains("Permission denied"))
    }

    @Test("this machine's facts are read")
    func current() {
        let facts = EBPFFacts.current()
        #expect(!facts.kernelRelease.isEmpty && facts.kernelRelease.first?.isNumber == true)
        #expect(geteuid() != 0 || facts.capabilities != 0)
        #expect(facts.pidNamespace != nil && facts.processNumbers == 1)
    }
}
