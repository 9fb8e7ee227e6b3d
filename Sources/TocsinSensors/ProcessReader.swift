import TocsinEvents
import TocsinLinux

/// Reads a process whole from /proc, never from two programs and never from two processes.
package struct ProcessReader: Sendable {
    package let boot: BootID

    /// Longer command lines are cut: 256 KiB is twice what the kernel allows for one argument.
    private static let argumentLimit = 256 << 10

    package init(boot: BootID) { self.boot = boot }

    /// For the running kernel.
    package init() throws(SystemError) {
        guard let boot = BootID(try Proc.bootID()) else {
            // EBADMSG
            throw SystemError(operation: "parse /proc/sys/kernel/random/boot_id", code: 74)
        }
        self.boot = boot
    }

    package struct Snapshot: Sendable {
        package var process: Process
        package var stat: ProcStat
        /// What `executableDevice` and `executableInode` say.
        package var executable: FileIdentity?
        /// Why the executable cannot be told, where it cannot.
        package var executableFailure: SystemError?

        /// Without its image, at its end or in the middle of an execve(2), a process has an empty command line, which
        /// says nothing about its arguments.
        fileprivate mutating func forgetEmptyArguments() {
            if process.arguments?.isEmpty == true { process.arguments = nil }
        }
    }

    /// Reads what /proc still has. Throws where it has nothing: the process is gone, or hidden from this user.
    ///
    /// A program may be replaced by execve(2) between two reads. The addresses in `stat` change with it, so they are
    /// compared afterwards, and all is read again; twice, then it is taken as it is. What execve(2) leaves alone is
    /// taken from `surroundings`, where that was read before.
    package func snapshot(
        _ directory: borrowing ProcDirectory, surroundings: Process? = nil
    ) throws(SystemError) -> Snapshot {
        var attempts = 0
        while true {
            let before = try directory.stat()
            let around = surroundings?.members ?? self.surroundings(directory, before)
            var snapshot = read(directory, before, around)
            attempts += 1
            guard let after = try? directory.stat(), !after.isZombie, !after.isExiting else {
                snapshot.forgetEmptyArguments()
                snapshot.process.gone = snapshot.process.arguments == nil || snapshot.executable == nil
                return snapshot
            }
            let isWhole = after.image == before.image && after.image.isComplete
            if isWhole, after.hasNotExecuted == before.hasNotExecuted { return snapshot }
            if attempts == 3 {
                if !isWhole { snapshot.forgetEmptyArguments() }
                return snapshot
            }
        }
    }

    /// What a process keeps when it executes another program: all but the executable and the arguments. The ids may
    /// change with a set-user-ID file.
    package func surroundings(_ directory: borrowing ProcDirectory) throws(SystemError) -> Process {
        Process(surroundings(directory, try directory.stat()))
    }

    /// What `stat` alone tells.
    package func process(of stat: ProcStat) -> Process { Process(members(of: stat)) }

    private func members(of stat: ProcStat) -> Process.Members {
        var process = Process.Members(
            entityID: ProcessKey(pid: stat.pid, startTimeNSec: stat.startTimeNSec).entityID(in: boot), pid: stat.pid,
            startTimeNSec: stat.startTimeNSec)
        process.parentPid = stat.parentPid
        process.processGroup = stat.processGroup
        process.tty = TerminalName.make(deviceNumber: stat.tty)
        process.comm = ByteString(stat.comm)
        return process
    }

    /// A process of which nothing is known but the number. For its start time, the moment it was missed has to do.
    package func unknown(_ pid: Int32) -> Process {
        let now = Clock.boottimeNSec()
        var process = Process(
            entityID: ProcessKey(pid: pid, startTimeNSec: now).entityID(in: boot), pid: pid, startTimeNSec: now)
        process.gone = true
        return process
    }

    // MARK: Private

    private func surroundings(_ directory: borrowing ProcDirectory, _ stat: ProcStat) -> Process.Members {
        var process = members(of: stat)
        if let ids = try? directory.status() { process.take(ids) }
        process.workingDirectory = (try? directory.link("cwd")).map { ByteString($0) }
        process.loginUid = number("loginuid", in: directory)
        process.auditSession = number("sessionid", in: directory)
        if let text = try? directory.read("cgroup"), let path = CgroupPath.path(ofProcess: text) {
            let names = CgroupPath(parsing: path)
            process.controlGroup = Process.ControlGroup(
                path: ByteString(Array(path)), unit: names.unit, container: names.container)
        }
        if let pid = try? directory.namespace("pid"), let mount = try? directory.namespace("mnt"),
            let network = try? directory.namespace("net"), let user = try? directory.namespace("user")
        {
            process.namespaces = Process.Namespaces(pid: pid, mount: mount, network: network, user: user)
        }
        return process
    }

    private func read(
        _ directory: borrowing ProcDirectory, _ stat: ProcStat, _ surroundings: Process.Members
    ) -> Snapshot {
        var process = surroundings
        process.comm = ByteString(stat.comm)
        var program = process.program
        var executable: FileIdentity?
        var failure: SystemError?
        do throws(SystemError) {
            let path = try directory.link("exe")
            let status = try directory.status(of: "exe")
            (program.executable, program.flags) = Self.name(path, isUnlinked: status.links == 0)
            program.executableDevice = status.identity.device
            program.executableInode = status.identity.inode
            executable = status.identity
            if status.mode & 0o6000 != 0, let ids = try? directory.status() {
                process.take(ids)
                program.flags.formUnion(Self.flags(of: status, ids))
            }
        } catch { failure = error }
        if let text = try? directory.read("cmdline", limit: Self.argumentLimit) {
            program.arguments = Arguments(bytes: text)
            program.argumentsTruncated = text.count == Self.argumentLimit
        }
        process.program = program
        return Snapshot(
            process: Process(process), stat: stat, executable: executable, executableFailure: failure)
    }

    /// execve(2) sets the effective id to the file's owner; a process may do the same by itself, but seldom while it
    /// runs a file with the bit.
    private static func flags(of file: FileStatus, _ ids: ProcStatus) -> Process.ExecFlags {
        var flags: Process.ExecFlags = []
        if file.mode & 0o4000 != 0, ids.effectiveUid == file.uid, ids.uid != ids.effectiveUid { flags.insert(.setuid) }
        if file.mode & 0o2010 == 0o2010, ids.effectiveGid == file.gid, ids.gid != ids.effectiveGid {
            flags.insert(.setgid)
        }
        return flags
    }

    /// -1 says that the audit subsystem never set it.
    private func number(_ name: String, in directory: borrowing ProcDirectory) -> UInt32? {
        guard let text = try? directory.read(name, hint: 32), let value = UInt32(decimal: text[...]), value != .max
        else { return nil }
        return value
    }

    /// The kernel appends " (deleted)" where the name is gone. A file may also be called that, so the link count
    /// decides.
    package static func name(_ path: [UInt8], isUnlinked: Bool) -> (ByteString, Process.ExecFlags) {
        let suffix = " (deleted)".utf8
        guard isUnlinked, path.suffix(suffix.count).elementsEqual(suffix) else { return (ByteString(path), []) }
        let name = ByteString(Array(path.dropLast(suffix.count)))
        return (name, path.starts(with: "/memfd:".utf8) ? [.memfd] : [.deleted])
    }
}

extension Process.Members {
    fileprivate mutating func take(_ ids: ProcStatus) {
        uid = ids.uid
        gid = ids.gid
        effectiveUid = ids.effectiveUid
        effectiveGid = ids.effectiveGid
    }
}
