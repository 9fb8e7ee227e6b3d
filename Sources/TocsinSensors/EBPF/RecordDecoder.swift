import CTocsinProbes
import Glibc
import TocsinEvents

/// Turns the bytes of one record (`probe_event.h`) into a value. Trusts no size: what does not fit is a nil, never a
/// read beyond the record.
package struct RecordDecoder: Sendable {
    private let boot: BootID
    /// Groups seen lately. A group of version 2 cannot be renamed and its id is never given again.
    private var groups: [UInt64: Shared<Process.ControlGroup>] = [:]
    private static let groupLimit = 1024

    /// The group of the latest record: most are of a few.
    private var latest: (id: UInt64, group: Shared<Process.ControlGroup>?) = (0, nil)

    private var names = RecentNames()
    /// As the kernel's directory entries have them, the last component first.
    private var paths = RecentNames()

    package init(boot: BootID) { self.boot = boot }

    package struct Header: Sendable {
        package var type: EventType
        package var monotonicNSec: UInt64
        /// Records of all types lost before this one, since the probes were loaded.
        package var lost: UInt64
    }

    package mutating func decode(_ record: UnsafeRawBufferPointer) -> (Header, Process)? {
        guard let header = record.first(probe_header.self), header.size <= record.count else { return nil }
        let bytes = UnsafeRawBufferPointer(rebasing: record[..<Int(header.size)])
        // All begin as a fork's, which has no more.
        guard let raw = bytes.first(probe_fork.self)?.process else { return nil }
        var process = Process.Members(
            entityID: ProcessKey(pid: raw.tgid, startTimeNSec: raw.start_boottime_nsec).entityID(in: boot),
            pid: raw.tgid,
            startTimeNSec: raw.start_boottime_nsec)
        common(raw, &process)
        let type: EventType
        switch header.type {
        case PROBE_EXEC.rawValue:
            type = .exec
            guard exec(bytes, &process) else { return nil }
        case PROBE_FORK.rawValue: type = .fork
        case PROBE_EXIT.rawValue:
            type = .exit
            guard exit(bytes, &process) else { return nil }
        default: return nil
        }
        return (Header(type: type, monotonicNSec: header.monotonic_nsec, lost: header.lost), Process(process))
    }

    // MARK: The three types

    // They fill a process in where it is: it is large.

    private mutating func common(_ raw: probe_process, _ process: inout Process.Members) {
        process.parentPid = raw.parent_tgid
        process.processGroup = raw.process_group
        process.uid = raw.uid
        process.gid = raw.gid
        process.effectiveUid = raw.effective_uid
        process.effectiveGid = raw.effective_gid
        process.loginUid = raw.login_uid == .max ? nil : raw.login_uid
        process.auditSession = raw.audit_session == .max ? nil : raw.audit_session
        process.namespaces = Process.Namespaces(
            pid: UInt64(raw.pid_namespace), mount: UInt64(raw.mount_namespace),
            network: UInt64(raw.network_namespace), user: UInt64(raw.user_namespace))
        // An execution brings the path of its group; so what was executed in the group before is known by its id.
        if latest.id != raw.cgroup_id { latest = (raw.cgroup_id, groups[raw.cgroup_id]) }
        process.sharedGroup = latest.group
        process.comm = withUnsafeBytes(of: raw.comm) { name($0.upToNUL) }
    }

    private func exit(_ bytes: UnsafeRawBufferPointer, _ process: inout Process.Members) -> Bool {
        guard let raw = bytes.first(probe_exit.self) else { return false }
        // wait(2): the signal in the low seven bits, the code above the core-dump bit.
        let signal = raw.status & 0x7F
        if signal == 0 { process.exitCode = raw.status >> 8 & 0xFF } else { process.exitSignal = signal }
        process.runTimeNSec = raw.boottime_nsec &- raw.process.start_boottime_nsec
        return true
    }

    private mutating func exec(_ bytes: UnsafeRawBufferPointer, _ process: inout Process.Members) -> Bool {
        guard let raw = bytes.first(probe_exec.self) else { return false }
        var text = TextReader(rest: UnsafeRawBufferPointer(rebasing: bytes[MemoryLayout<probe_exec>.size...]))
        guard let arguments = text.take(raw.arguments_size), let filename = text.take(raw.filename_size),
            let executable = text.take(raw.executable_size), let directory = text.take(raw.working_directory_size),
            let cgroup = text.take(raw.cgroup_size)
        else { return false }
        func failed(_ fault: probe_fault) -> Bool { raw.faults & fault.rawValue != 0 }

        // A name cut short would name another file; of arguments that were cut, the last one is a beginning.
        process.program = Process.Program(
            executable: failed(PROBE_FAULT_EXECUTABLE) ? nil : path(executable),
            device: Self.device(raw.device), inode: raw.inode,
            filename: failed(PROBE_FAULT_FILENAME) ? nil : name(filename),
            arguments: failed(PROBE_FAULT_ARGUMENTS) && arguments.isEmpty ? nil : Arguments(bytes: Array(arguments)),
            argumentsTruncated: failed(PROBE_FAULT_ARGUMENTS), flags: Process.ExecFlags(rawValue: raw.flags))
        if !failed(PROBE_FAULT_WORKING_DIRECTORY) { process.workingDirectory = path(directory) }
        process.tty = withUnsafeBytes(of: raw.tty) { Self.terminal($0.upToNUL) }
        if process.sharedGroup == nil, !failed(PROBE_FAULT_CGROUP) {
            process.sharedGroup = remember(raw.process.cgroup_id, path: path(cgroup))
        }
        return true
    }

    private mutating func remember(_ id: UInt64, path: ByteString) -> Shared<Process.ControlGroup> {
        let names = CgroupPath(parsing: path.bytes)
        let group = Shared(Process.ControlGroup(path: path, unit: names.unit, container: names.container))
        if groups.count >= Self.groupLimit { groups.removeAll(keepingCapacity: true) }
        groups[id] = group
        latest = (id, group)
        return group
    }

    // MARK: Text

    /// Hands out the parts behind the fixed members, in their order.
    private struct TextReader {
        var rest: UnsafeRawBufferPointer

        mutating func take(_ size: UInt32) -> UnsafeRawBufferPointer? {
            guard Int(size) <= rest.count else { return nil }
            defer { rest = UnsafeRawBufferPointer(rebasing: rest[Int(size)...]) }
            return UnsafeRawBufferPointer(rebasing: rest[..<Int(size)])
        }
    }

    private mutating func name(_ bytes: UnsafeRawBufferPointer) -> ByteString {
        names.name(bytes) { ByteString(Array($0)) }
    }

    private mutating func path(_ components: UnsafeRawBufferPointer) -> ByteString {
        paths.name(components, read: Self.path)
    }

    /// NUL-terminated components, the last one of the path first.
    private static func path(_ components: UnsafeRawBufferPointer) -> ByteString {
        guard !components.isEmpty else { return "/" }
        return ByteString(
            [UInt8](unsafeUninitializedCapacity: components.count) { path, count in
                count = components.count
                var (start, target) = (0, count)
                for end in components.indices where components[end] == 0 {
                    target -= end - start + 1
                    path[target] = UInt8(ascii: "/")
                    for index in start..<end { path[target + 1 + index - start] = components[index] }
                    start = end + 1
                }
                // Only what is no list of components lacks the last NUL.
                for index in start..<count { path[index - start] = components[index] }
            })
    }

    /// From the kernel's dev_t to the one of stat(2), as new_encode_dev() does.
    private static func device(_ device: UInt32) -> UInt64 {
        let (major, minor) = (device >> 20, device & 0xFFFFF)
        return UInt64(minor & 0xFF | major << 8 | (minor & ~0xFF) << 12)
    }

    /// The kernel's "pts3" is the file `pts/3`; other names are those of their files.
    private static func terminal(_ name: UnsafeRawBufferPointer) -> String? {
        guard !name.isEmpty else { return nil }
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard name.starts(with: "pts".utf8), name.dropFirst(3).allSatisfy(digits.contains) else {
            return String(decoding: name, as: UTF8.self)
        }
        return "pts/" + String(decoding: name.dropFirst(3), as: UTF8.self)
    }
}

extension UnsafeRawBufferPointer {
    /// All where there is no NUL.
    fileprivate var upToNUL: UnsafeRawBufferPointer {
        guard let start = baseAddress, let end = memchr(start, 0, count) else { return self }
        return UnsafeRawBufferPointer(start: start, count: UnsafeRawPointer(end) - start)
    }

    /// A structure at the beginning; nil where the bytes do not suffice.
    fileprivate func first<Value: BitwiseCopyable>(_ type: Value.Type) -> Value? {
        count >= MemoryLayout<Value>.size ? loadUnaligned(as: type) : nil
    }
}
