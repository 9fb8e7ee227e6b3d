import Glibc
import Synchronization
import TocsinEvents
import TocsinLinux
import TocsinSensors

/// Runs a source on a thread of its own, keeps what it delivers, and waits for it without polling.
final class SourceRunner: Sendable {
    private struct State: ~Copyable {
        var records: [SensorRecord] = []
        var failure: (any Error)?
        var hasEnded = false
        var thread: BlockingThread?
    }

    private let source: any Source
    private let state = Mutex(State())
    private let arrived: EventFD
    private let epoll: Epoll

    /// Opens the source and runs it.
    convenience init(_ source: any Source) throws {
        try source.open()
        source.keep()
        try self.init(adopting: source)
    }

    /// For a source that is open already. Its thread starts now, unless `start` is to do that.
    init(adopting source: any Source, started: Bool = true) throws {
        self.source = source
        arrived = try EventFD()
        epoll = try Epoll()
        try epoll.add(arrived.descriptor, token: 0)
        if started { try start() }
    }

    func start() throws {
        var thread: BlockingThread? = try BlockingThread(name: "source") { [self] in
            var failure: (any Error)?
            do {
                try source.run { records in
                    state.withLock { $0.records += records }
                    arrived.signal()
                }
            } catch { failure = error }
            state.withLock {
                $0.failure = failure
                $0.hasEnded = true
            }
            arrived.signal()
        }
        state.withLock { $0.thread = thread.take() }
    }

    struct Timeout: Error, CustomStringConvertible {
        var description: String
    }

    /// Everything delivered so far, once `isEnough` says so; an error after that many seconds.
    @discardableResult
    func wait(_ what: String, seconds: UInt64 = 10, until isEnough: ([SensorRecord]) -> Bool) throws -> [SensorRecord] {
        let deadline = Clock.monotonicUSec() + seconds * 1_000_000
        var asked = -1
        while true {
            let count = state.withLock { $0.records.count }
            // To ask goes through all of them: in a storm that is done when they have become many more, or pause.
            let isWorthAsking = asked < 0 || count - asked > asked / 8
            if try isWorthAsking || epoll.wait(timeoutMSec: 20).isEmpty {
                asked = count
                // With the lock held: beside a copy, the source would have to copy all of them to add to them.
                let (failure, enough) = state.withLock { ($0.failure, isEnough($0.records) ? $0.records : nil) }
                if let failure { throw failure }
                if let enough { return enough }
            }
            let now = Clock.monotonicUSec()
            guard now < deadline else { throw Timeout(description: "no \(what) in \(count) records") }
            if isWorthAsking { _ = try epoll.wait(timeoutMSec: Int32((deadline - now) / 1000 + 1)) }
            arrived.reset()
        }
    }

    var records: [SensorRecord] { state.withLock { $0.records } }
    var statistics: SourceStatistics { source.statistics }

    /// Ends the thread and releases the source.
    func finish() {
        source.stop()
        let thread = state.withLock { $0.thread.take() }
        if let thread { thread.join() }
        source.close()
    }
}

extension SensorRecord {
    var exec: Process? {
        if case .process(.exec, let process) = body { process } else { nil }
    }

    func process(_ type: EventType) -> Process? {
        if case .process(type, let process) = body { process } else { nil }
    }
}

extension [SensorRecord] {
    func execs(of pid: Int32) -> [Process] { compactMap(\.exec).filter { $0.pid == pid } }
}

/// A child with its standard input held open, so that `cat` and `read` in it live until `end`.
struct Child: ~Copyable {
    let pid: Int32
    private let input: FileDescriptor

    /// `arguments[0]` is the file, unless `file` is another.
    init(_ arguments: [String], file: String? = nil) throws {
        let pipe = try FileDescriptor.pipe()
        let input = try pipe.writer.duplicate()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, pipe.reader.rawValue, 0)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var pid = pid_t()
        let pointers = arguments.map { strdup($0) } + [nil]
        defer { pointers.forEach { free($0) } }
        let code = posix_spawn(&pid, file ?? arguments[0], &actions, nil, pointers, environ)
        if code != 0 { throw SystemError(operation: "posix_spawn \(arguments[0])", code: code) }
        self.pid = pid
        self.input = input
    }

    func write(_ line: String) throws { try input.writeAll(Array((line + "\n").utf8)) }

    /// Closes its input; whoever gets the number waits for its end.
    consuming func release() -> Int32 { pid }

    /// Closes its input and waits for its end.
    @discardableResult
    consuming func end() -> Int32 {
        let pid = self.pid
        _ = consume self
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        return status >> 8
    }
}
