/// Judges what this machine grants and what the daemon says of itself. Pure.
package struct Doctor: Sendable {
    /// What `GetStatus` tells, as far as it matters here.
    package struct DaemonState: Hashable, Sendable {
        package var sources: [Source]
        /// Events that the log, and entries that the journal's queue, had no room for.
        package var lostDaemon: UInt64
        package var lostJournal: UInt64
        /// Readers that lost events because they read too slowly; empty unless root asks.
        package var slowReaders: [(pid: Int32, lost: UInt64)]
        /// False where the daemon keeps the counts from this user.
        package var tellsLosses: Bool

        package struct Source: Hashable, Sendable {
            package var name: String
            package var state: String
            package var lost: UInt64
            package var note: String?

            package init(name: String, state: String, lost: UInt64, note: String?) {
                self.name = name
                self.state = state
                self.lost = lost
                self.note = note
            }
        }

        package init(
            sources: [Source], lostDaemon: UInt64, lostJournal: UInt64, tellsLosses: Bool = true,
            slowReaders: [(pid: Int32, lost: UInt64)] = []
        ) {
            self.sources = sources
            self.lostDaemon = lostDaemon
            self.lostJournal = lostJournal
            self.slowReaders = slowReaders
            self.tellsLosses = tellsLosses
        }

        package static func == (lhs: DaemonState, rhs: DaemonState) -> Bool {
            lhs.sources == rhs.sources && lhs.lostDaemon == rhs.lostDaemon && lhs.lostJournal == rhs.lostJournal
                && lhs.tellsLosses == rhs.tellsLosses
                && lhs.slowReaders.elementsEqual(rhs.slowReaders) { $0 == $1 }
        }

        package func hash(into hasher: inout Hasher) {
            hasher.combine(sources)
            hasher.combine(lostDaemon)
            hasher.combine(lostJournal)
        }
    }

    private let facts: EBPFFacts

    package init(facts: EBPFFacts) { self.facts = facts }

    /// - Parameter daemon: its state, or why it does not answer.
    package func findings(daemon: Result<DaemonState, Unreachable>) -> [Finding] {
        var findings = [ebpf, fanotify]
        switch daemon {
        case .failure(let unreachable):
            findings.append(Finding("daemon", .broken, unreachable.reason, advice: unreachable.wayOut))
        case .success(let state):
            findings.append(Self.sources(state))
            findings += Self.losses(state)
        }
        return findings
    }

    package struct Unreachable: Error, Hashable {
        package var reason: String
        package var wayOut: String?

        package init(reason: String, wayOut: String?) {
            self.reason = reason
            self.wayOut = wayOut
        }
    }

    // MARK: The machine

    private var isPrivileged: Bool { facts.capabilities & EBPFDiagnosis.sysAdmin != 0 }

    private var ebpf: Finding {
        var seen = EBPFDiagnosis(facts: facts)
        // A user's own privilege says nothing about the daemon's.
        if !isPrivileged { seen.facts.capabilities = .max }
        let obstacles = seen.obstacles
        guard obstacles.isEmpty else {
            return Finding(
                "ebpf", .limited, obstacles.joined(separator: "; "),
                advice: "fanotify is the next best source; README tells what it misses")
        }
        let reach = facts.nestedPidNamespace == nil ? "" : "; here they tell of this pid namespace, not of the machine"
        return Finding("ebpf", .good, "Linux \(facts.kernelRelease) has what the probes need, given to root" + reach)
    }

    private var fanotify: Finding {
        guard let version = EBPFDiagnosis.version(facts.kernelRelease), version < (5, 1) else {
            return Finding("fanotify", .good, "Linux \(facts.kernelRelease) reports executions, to root")
        }
        return Finding(
            "fanotify", .limited,
            "Linux \(facts.kernelRelease) is older than 5.1, which made fanotify report executions")
    }

    // MARK: The daemon

    private static func sources(_ state: DaemonState) -> Finding {
        let running = state.sources.filter { $0.state == "running" }
        let failing = state.sources.filter { $0.state == "refused" || $0.state == "failed" }
        let reasons = failing.map { $0.note ?? "\($0.name): \($0.state)" }.joined(separator: "; ")
        guard !running.isEmpty else {
            return Finding(
                "daemon", .broken, "watches with no source" + (reasons.isEmpty ? "" : ": \(reasons)"))
        }
        let names = running.map(\.name).joined(separator: ", ")
        guard failing.isEmpty else { return Finding("daemon", .limited, "watches with \(names), because \(reasons)") }
        return Finding("daemon", .good, "watches with \(names)")
    }

    /// Each queue that has lost something, with the setting that makes it larger.
    private static func losses(_ state: DaemonState) -> [Finding] {
        var findings: [Finding] = []
        for source in state.sources where source.lost > 0 {
            let advice =
                switch source.name {
                case "ebpf": "raise ebpf.ringSize"
                case "heartbeat": "the daemon is short of processor time"
                default: "the kernel's queue has a fixed size; exclude what nobody needs, or prefer the source ebpf"
                }
            findings.append(
                Finding(
                    "losses", .limited, "the kernel's queue of \(source.name) dropped \(source.lost)", advice: advice))
        }
        if state.lostDaemon > 0 {
            findings.append(
                Finding(
                    "losses", .limited, "the event log dropped \(state.lostDaemon) that readers had not read",
                    advice: "raise log.size, or read faster"))
        }
        if state.lostJournal > 0 {
            findings.append(
                Finding(
                    "losses", .limited, "the queue to the journal dropped \(state.lostJournal)",
                    advice: "raise journal.queueSize, or write fewer events there (journal.events)"))
        }
        for reader in state.slowReaders {
            findings.append(
                Finding("losses", .limited, "the reader with pid \(reader.pid) was too slow and lost \(reader.lost)"))
        }
        guard findings.isEmpty else { return findings }
        let none = state.tellsLosses ? "no queue has lost an event" : "told to root and the socket's group only"
        return [Finding("losses", .good, none)]
    }
}
