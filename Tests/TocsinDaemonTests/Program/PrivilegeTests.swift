import Glibc
import TestSupport
import Testing
import TocsinLinux

@testable import TocsinDaemon

/// What the daemon may do when somebody starts it by hand.
@Suite(.enabled(if: isRoot, "who is not root has nothing to give up")) struct PrivilegeTests {
    @Test("started by root, every thread of the daemon has the capabilities it needs, and can get no others")
    func byHand() async throws {
        let daemon = try await RunningDaemon.ready(configuration: "sources: [fanotify]\n")
        let mine = try ThreadPrivileges.ofEveryThread(of: getpid())[0]
        let threads = try ThreadPrivileges.ofEveryThread(of: daemon.process.pid)
        #expect(threads.count > 2)
        for thread in threads {
            #expect(thread.permitted == mine.permitted.intersection(neededCapabilities))
            #expect(thread.effective == thread.permitted)
            #expect(thread.bounding == mine.bounding.intersection(neededCapabilities))
            #expect(thread.inheritable.isEmpty && thread.ambient.isEmpty)
            #expect(thread.noNewPrivileges)
        }
        #expect(threads[0].effective.isStrictSubset(of: mine.effective), "there was something to give up")
    }
}

/// What `/proc/PID/task/TID/status` says a thread may do.
struct ThreadPrivileges: Hashable {
    var permitted = Capabilities()
    var effective = Capabilities()
    var inheritable = Capabilities()
    var bounding = Capabilities()
    var ambient = Capabilities()
    var noNewPrivileges = false
    /// Whether it has a filter of system calls.
    var isFiltered = false

    init(status: String) {
        for line in status.split(separator: "\n") {
            let parts = line.split(separator: ":\t", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let set = Capabilities(rawValue: UInt64(parts[1], radix: 16) ?? 0)
            switch parts[0] {
            case "CapPrm": permitted = set
            case "CapEff": effective = set
            case "CapInh": inheritable = set
            case "CapBnd": bounding = set
            case "CapAmb": ambient = set
            case "NoNewPrivs": noNewPrivileges = parts[1] == "1"
            case "Seccomp": isFiltered = parts[1] == "2"
            default: break
            }
        }
    }

    static func ofEveryThread(of pid: Int32) throws -> [ThreadPrivileges] {
        guard let directory = opendir("/proc/\(pid)/task") else { return [] }
        defer { closedir(directory) }
        var threads: [ThreadPrivileges] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name != ".", name != ".." else { continue }
            let status = try FileDescriptor.open("/proc/\(pid)/task/\(name)/status").readToEnd(limit: 1 << 16)
            threads.append(ThreadPrivileges(status: String(decoding: status, as: UTF8.self)))
        }
        return threads
    }
}
