/// A process: what is known of it are its `Members`, by their names.
///
/// It is large and goes through many hands, so copies share the members, and a change makes new ones. Who changes many
/// of them changes `members`, and makes a process of them.
@dynamicMemberLookup
public struct Process: Hashable, Sendable {
    @usableFromInline var shared: Shared<Members>

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
        /// What it runs. Its children run the same until they execute something, so it is shared with them.
        package var sharedProgram: Shared<Process.Program>?
        public var workingDirectory: ByteString?
        /// Where it is, with many others.
        package var sharedGroup: Shared<Process.ControlGroup>?
        public var namespaces: Namespaces?
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

    public init(_ members: consuming Members) { shared = Shared(members) }

    public init(entityID: String, pid: Int32, startTimeNSec: UInt64) {
        self.init(Members(entityID: entityID, pid: pid, startTimeNSec: startTimeNSec))
    }

    @inlinable public var members: Members { shared.value }

    /// See `Members`.
    public subscript<Value>(dynamicMember member: WritableKeyPath<Members, Value>) -> Value {
        @inlinable get { shared.value[keyPath: member] }
        set { shared.value[keyPath: member] = newValue }
    }

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
}

/// As its members: that they are shared is nobody's business.
extension Process: CustomStringConvertible, CustomReflectable {
    public var description: String { String(describing: members) }
    public var customMirror: Mirror { Mirror(reflecting: members) }
}
