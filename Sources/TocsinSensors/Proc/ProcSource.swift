import TocsinEvents
import TocsinLinux

/// Polls /proc: the source that needs no privilege.
///
/// Owns an epoll and an eventfd from `open` to `close`, and in between opens each process only to read it. One `stat`
/// is read for each process and interval; all else only of a process that is new or executed.
package final class ProcSource: Source {
    package let name = SourceName.proc
    package let limitation = """
        polling sees only what lives at the moment of a scan: short-lived processes, all but the last of several \
        programs executed in a row, exit codes, and details of other users' processes without privilege are missed
        """
    private let intervalMSec: Int32
    private let reader: ProcessReader
    private let limit: Int
    private let stopping = StopSignal()
    private let counters = SourceCounters()
    private let armed = Slot<Armed>()

    private struct Armed: ~Copyable, Sendable {
        let epoll: Epoll
        var scan: ProcScan<Process>
        var isFull = false
    }

    /// `limit`: processes followed at once; each takes some 500 bytes.
    package init(intervalMSec: Int = 200, reader: ProcessReader, limit: Int = 65_536) {
        self.intervalMSec = Int32(clamping: max(intervalMSec, 1))
        self.reader = reader
        self.limit = limit
    }

    /// The processes that run now are the baseline and no events.
    package func open() throws(SourceError) {
        do throws(SystemError) {
            try stopping.open()
            var armed = Armed(epoll: try Epoll(), scan: ProcScan(limit: limit))
            try stopping.add(to: armed.epoll, token: 0)
            _ = try scan(&armed, isBaseline: true)
            self.armed.put(armed)
        } catch { throw SourceError(.proc, error, hint: error.isGone ? "is /proc mounted?" : nil) }
    }

    package func run(_ receiver: any RecordReceiver) throws(SourceError) {
        guard var armed = armed.take() else { return }
        do throws(SystemError) {
            while true {
                _ = try armed.epoll.wait(timeoutMSec: intervalMSec)
                if stopping.isRequested { break }
                let records = try scan(&armed, isBaseline: false)
                if records.isEmpty { continue }
                counters.delivered(records.count)
                receiver.take(records)
            }
        } catch { throw SourceError(.proc, error) }
        self.armed.put(armed)
    }

    package func stop() { stopping.request() }
    package var statistics: SourceStatistics { counters.statistics }

    package func close() {
        armed.clear()
        stopping.close()
    }

    // MARK: Private

    private func scan(_ armed: inout Armed, isBaseline: Bool) throws(SystemError) -> [SensorRecord] {
        var ended: [Process] = []
        var started: [(type: EventType, process: Process)] = []
        var refused: UInt64 = 0
        armed.scan.beginRound()
        for pid in try Proc.pids() {
            guard let directory = try Self.directory(of: pid), let stat = try Self.stat(in: directory) else { continue }
            if stat.isKernelThread { continue }
            let (finding, replaced) = armed.scan.observe(stat)
            if let replaced { ended.append(replaced) }
            switch finding {
            case .unchanged: break
            case .refused: refused += 1
            case .new where isBaseline:
                armed.scan.remember(pid, remembered(of: stat, in: directory))
                if !stat.image.isVisible { armed.scan.learn(pid, evidence(directory)) }
            case .doubtful where !armed.scan.resolve(pid, evidence(directory)): break
            case .new, .executed, .doubtful:
                let snapshot = try? reader.snapshot(directory)
                var process = snapshot?.process ?? reader.process(of: stat)
                if snapshot == nil { process.gone = true }
                armed.scan.learn(
                    pid,
                    ProcScan<Process>.Evidence(
                        executable: snapshot?.executable, arguments: try? directory.read("cmdline", limit: 4096)))
                armed.scan.remember(pid, Self.shortened(process))
                // The daemon's own executions are no news.
                if pid != Proc.ownPid {
                    started.append((finding == .new && stat.hasNotExecuted ? .fork : .exec, process))
                }
            }
        }
        ended += armed.scan.endRound()
        if isBaseline { return [] }
        return records(ended: ended, started: started, refused: refused, isFull: &armed.isFull)
    }

    // nil for a process that is gone since, or hidden by hidepid=. Who cannot be looked at for want of descriptors has
    // not ended: that is thrown.

    private static func directory(of pid: Int32) throws(SystemError) -> ProcDirectory? {
        do throws(SystemError) { return try ProcDirectory(pid: pid) } catch {
            guard !error.isOutOfDescriptors else { throw error }
            return nil
        }
    }

    private static func stat(in directory: borrowing ProcDirectory) throws(SystemError) -> ProcStat? {
        do throws(SystemError) { return try directory.stat() } catch {
            guard !error.isOutOfDescriptors else { throw error }
            return nil
        }
    }

    /// Ends come first: a number is given away only after its owner is gone.
    private func records(
        ended: [Process], started: [(type: EventType, process: Process)], refused: UInt64, isFull: inout Bool
    ) -> [SensorRecord] {
        if ended.isEmpty, started.isEmpty, refused == 0 {
            isFull = false
            return []
        }
        let realtime = Clock.realtimeUSec()
        let monotonic = Clock.monotonicUSec()
        let boottime = Clock.boottimeNSec()
        var records: [SensorRecord] = []
        func append(_ body: SensorRecord.Body) {
            records.append(SensorRecord(realtimeUSec: realtime, monotonicUSec: monotonic, body: body))
        }
        for var process in ended {
            process.runTimeNSec = boottime - min(process.startTimeNSec, boottime)
            append(.process(.exit, process))
        }
        for (type, process) in started.sorted(by: { $0.process.startTimeNSec < $1.process.startTimeNSec }) {
            append(.process(type, process))
        }
        // Said once, not at every scan while the table is full.
        if refused > 0, !isFull {
            counters.overflowed()
            counters.lost(refused)
            append(.gap(count: refused))
        }
        isFull = refused > 0
        return records
    }

    private func remembered(of stat: ProcStat, in directory: borrowing ProcDirectory) -> Process {
        var process = reader.process(of: stat)
        process.executable = (try? directory.link("exe")).map { ByteString($0) }
        return process
    }

    /// What an exit is told with; the rest would cost memory for every process.
    private static func shortened(_ process: Process) -> Process {
        var short = process.members
        short.arguments = nil
        short.argumentsTruncated = false
        short.workingDirectory = nil
        short.cgroup = nil
        return Process(short)
    }

    private func evidence(_ directory: borrowing ProcDirectory) -> ProcScan<Process>.Evidence {
        ProcScan<Process>.Evidence(
            executable: try? directory.identity(of: "exe"), arguments: try? directory.read("cmdline", limit: 4096))
    }
}
