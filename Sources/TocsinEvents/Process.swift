/// A process: what is known of it are its `Members`, by their names.
///
/// It is large and goes through many hands, so copies share the members, and a change makes new ones. Who changes many
/// of them changes `members`, and makes a process of them.
@dynamicMemberLookup
public struct Process: Hashable, Sendable {
    @usableFromInline var shared: Shared

    /// What could not be learnt is nil.
    public struct Members: Hashable, Sendable {
        /// Stable for the life of the process: boot, pid and start time.
        public var entityID: String
        /// Thread-group id, as in `getpid(2)`.
        public var pid: Int32
        public var parentPid: Int32?
        /// As in `getpgid(2)`.
        public var processGroup: Int32?
        /// Nanoseconds since boot, suspended time included (`CLOCK_BOOTTIME`). From /proc it has the resolution of a
        /// clock tick (10 ms).
        public var startTimeNSec: UInt64
        public var uid: UInt32?
        public var gid: UInt32?
        public var effectiveUid: UInt32?
        public var effectiveGid: UInt32?
        /// `loginuid` of the audit subsystem; nil where it was never set.
        public var loginUid: UInt32?
        /// `sessionid` of the audit subsystem; nil where it was never set.
        public var auditSession: UInt32?
        /// As in `pts/3`.
        public var tty: String?
        /// At most 15 bytes, may hold any character.
        public var comm: ByteString?
        /// The file that runs, links resolved.
        public var executable: ByteString?
        public var executableDevice: UInt64?
        public var executableInode: UInt64?
        /// The path as it was passed to `execve(2)`.
        public var filename: ByteString?
        /// nil where they are unknown; empty where the process has none.
        public var arguments: [ByteString]?
        public var argumentsTruncated = false
        public var workingDirectory: ByteString?
        /// Path in the cgroup v2 hierarchy.
        public var cgroup: ByteString?
        /// systemd unit, as in `nginx.service`.
        public var unit: String?
        /// Container id, as the runtime names it.
        public var container: String?
        public var namespaces: Namespaces?
        public var flags: ExecFlags = []
        /// The process ended before all of this could be read.
        public var gone = false
        public var exitCode: Int32?
        public var exitSignal: Int32?
        public var runTimeNSec: UInt64?

        public init(entityID: String, pid: Int32, startTimeNSec: UInt64) {
            self.entityID = entityID
            self.pid = pid
            self.startTimeNSec = startTimeNSec
        }
    }

    @usableFromInline
    final class Shared: Sendable {
        @usableFromInline let members: Members

        @usableFromInline init(_ members: consuming Members) { self.members = members }
    }

    public init(_ members: consuming Members) { shared = Shared(members) }

    public init(entityID: String, pid: Int32, startTimeNSec: UInt64) {
        self.init(Members(entityID: entityID, pid: pid, startTimeNSec: startTimeNSec))
    }

    @inlinable public var members: Members { shared.members }

    /// See `Members`.
    public subscript<Value>(dynamicMember member: WritableKeyPath<Members, Value>) -> Value {
        @inlinable get { shared.members[keyPath: member] }
        set {
            var members = members
            members[keyPath: member] = newValue
            self = Process(members)
        }
    }

    public static func == (left: Process, right: Process) -> Bool {
        left.shared === right.shared || left.shared.members == right.shared.members
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(shared.members) }

    /// Inode numbers, as `/proc/PID/ns` shows them.
    public struct Namespaces: Hashable, Sendable {
        public var pid: UInt64
        public var mount: UInt64
        public var network: UInt64
        public var user: UInt64

        public init(pid: UInt64, mount: UInt64, network: UInt64, user: UInt64) {
            self.pid = pid
            self.mount = mount
            self.network = network
            self.user = user
        }
    }

    /// What is remarkable about an execution.
    public struct ExecFlags: OptionSet, Hashable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// The effective user changed by the file's set-user-ID bit.
        public static let setuid = ExecFlags(rawValue: 1)
        public static let setgid = ExecFlags(rawValue: 2)
        /// The executable is memory, not a file.
        public static let memfd = ExecFlags(rawValue: 4)
        /// The executable has no name any more.
        public static let deleted = ExecFlags(rawValue: 8)
        /// An interpreter runs a script.
        public static let script = ExecFlags(rawValue: 16)

        /// Names in the interface.
        public static let names: [(flag: ExecFlags, name: String)] = [
            (.setuid, "setuid"), (.setgid, "setgid"), (.memfd, "memfd"), (.deleted, "deleted"), (.script, "script"),
        ]
    }
}

/// As its members: that they are shared is nobody's business.
extension Process: CustomStringConvertible, CustomReflectable {
    public var description: String { String(describing: members) }
    public var customMirror: Mirror { Mirror(reflecting: members) }
}
