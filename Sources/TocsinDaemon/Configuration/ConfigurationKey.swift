import TocsinDelivery
import YAML

/// One key of the configuration file: its name, what it takes, what it means, and how its value gets into a
/// `Configuration`. The sample file and the errors are checked against, and made from, this table.
package struct ConfigurationKey: Sendable {
    /// With dots for nesting, as in `log.size`.
    package let name: String
    /// What a value must be, as errors put it: "a size from 1MiB to 4GiB".
    package let expected: String
    package let meaning: String
    /// Whether a reload applies it; otherwise it takes effect at the next start.
    package let reloads: Bool
    /// Puts the value into the configuration, or returns the node that is not what was expected.
    package let apply: @Sendable (YAMLNode, inout Configuration) -> YAMLNode?
    /// Sets the value to that of the first configuration.
    package let copy: @Sendable (Configuration, inout Configuration) -> Void
    /// The value of a configuration, as it is written in the file.
    package let text: @Sendable (Configuration) -> String

    private init<Value: Sendable>(
        _ name: String, _ path: WritableKeyPath<Configuration, Value> & Sendable, _ kind: ValueKind<Value>,
        reloads: Bool, _ meaning: String
    ) {
        self.name = name
        self.expected = kind.expected
        self.meaning = meaning
        self.reloads = reloads
        self.apply = { node, configuration in
            guard let value = kind.read(node) else { return kind.culprit(node) }
            configuration[keyPath: path] = value
            return nil
        }
        self.copy = { $1[keyPath: path] = $0[keyPath: path] }
        self.text = { kind.write($0[keyPath: path]) }
    }
}

extension ConfigurationKey {
    /// Every key there is, in the order of the sample file.
    package static let all: [ConfigurationKey] = [
        ConfigurationKey(
            "sources", \.sources, .list(.source), reloads: false,
            "Where events come from. auto is the best process source that works here (ebpf, else fanotify, else proc) and, where it works, files."
        ),
        ConfigurationKey(
            "ebpf.ringSize", \.ringBytes, .size(in: (64 << 10)...(1 << 30)), reloads: false,
            "Kernel memory for what the daemon has not read yet; rounded up to a power of two. An execution takes 1KiB or more."
        ),
        ConfigurationKey(
            "heartbeat.interval", \.heartbeatInterval, .duration(in: .milliseconds(10)...(.seconds(86400))),
            reloads: false, "Time between two events of the heartbeat source."),
        ConfigurationKey(
            "proc.interval", \.procInterval, .duration(in: .milliseconds(10)...(.seconds(60))), reloads: false,
            "Time between two looks at /proc. What starts and ends in between is missed."),

        ConfigurationKey(
            "files.paths", \.watchedPaths, .list(.watchedPath), reloads: false,
            "What the files source watches, as globs. default stands for what decides what runs at boot, at login and as root."
        ),
        ConfigurationKey(
            "files.exclude", \.unwatchedPaths, .list(.pathPattern), reloads: false,
            "Globs of watched files that are left out after all."),

        ConfigurationKey(
            "socket.path", \.socketPath, .absolutePath, reloads: false,
            "Where clients connect. Not used when systemd hands over the socket (tocsin.socket)."),
        ConfigurationKey(
            "socket.access", \.socketAccess, .word(Configuration.SocketAccessPolicy.self), reloads: false,
            "Who sees what. group means that whoever may connect sees all events. own-events means that everybody may connect, and who is neither root nor in the group sees the events of its own processes; under systemd set SocketMode=0666, too."
        ),
        ConfigurationKey(
            "socket.mode", \.socketMode, .octalMode, reloads: false,
            "Permissions of the socket; write them in quotes. With own-events everybody may connect besides."
        ),
        ConfigurationKey(
            "socket.group", \.socketGroup, .name, reloads: false,
            "Group of the socket, whose members see all events. Where it does not exist, the socket stays root's."),

        ConfigurationKey(
            "log.size", \.logBytes, .size(in: (1 << 20)...(4 << 30)), reloads: false,
            "Memory for events that a slow or absent reader may still ask for. The oldest give way."),

        ConfigurationKey(
            "limits.connections", \.maxConnections, .integer(in: 1...65536), reloads: false,
            "Connections in all. Fewer where the limit of descriptors (LimitNOFILE=) is too low."),
        ConfigurationKey(
            "limits.connectionsPerUser", \.maxConnectionsPerUser, .integer(in: 1...65536), reloads: false,
            "Connections of one user."),
        ConfigurationKey(
            "limits.reservedConnections", \.reservedConnections, .integer(in: 0...1024), reloads: false,
            "How many of all connections only root may have, so that no user locks the administrator out."),
        ConfigurationKey(
            "limits.pendingReads", \.maxPendingReads, .integer(in: 1...4096), reloads: false,
            "Calls of one connection that wait at a time. Further ones stay in the socket."),
        ConfigurationKey(
            "limits.pendingReadsPerUser", \.maxPendingReadsPerUser, .integer(in: 1...1_048_576), reloads: false,
            "Reads of one user that wait at a time, on all of its connections. Further ones are refused."),
        ConfigurationKey(
            "limits.queueSizePerUser", \.maxQueuedBytesPerUser, .size(in: (1 << 20)...(1 << 30)), reloads: false,
            "Memory for events that one user was given and its sockets have not taken. What does not fit waits in the log until they have."
        ),
        ConfigurationKey(
            "limits.messageSize", \.maxMessageBytes, .size(in: 1024...(16 << 20)), reloads: false,
            "Longest call a client may send. A longer one closes its connection."),
        ConfigurationKey(
            "limits.groups", \.maxGroups, .integer(in: 1...DeliveryLimits.mostGroups), reloads: false,
            "Groups of competing readers. A group without members gives way to a new one."),

        ConfigurationKey(
            "journal.events", \.journalEvents, .word(Configuration.JournalPolicy.self), reloads: true,
            "Which events the systemd journal gets. A gap always gets there."),
        ConfigurationKey(
            "journal.repeatInterval", \.repeatInterval, .duration(in: .zero...(.seconds(86400))), reloads: true,
            "After a detection, the same rule in the same tree of processes is not written again for this time; 0ms writes each."
        ),
        ConfigurationKey(
            "journal.queueSize", \.journalQueueBytes, .size(in: (64 << 10)...(256 << 20)), reloads: false,
            "Memory for entries while the journal does not take them. What does not fit is counted."),
        ConfigurationKey(
            "journal.level", \.logLevel, .word(Configuration.LogLevel.self), reloads: false,
            "The daemon's own messages: this level and above."),

        ConfigurationKey(
            "rules.directories", \.ruleDirectories, .list(.absolutePath), reloads: true,
            "Directories of Sigma rules, with all below them. A change there is taken over at once."),

        ConfigurationKey(
            "filter.excludeTypes", \.excludedTypes, .list(.eventType), reloads: true,
            "Event types that nobody is told of. fork is noise to most: an exec follows it."),
        ConfigurationKey(
            "filter.excludePaths", \.excludedPaths, .list(.pathPattern), reloads: true,
            "Events on these files or executables are left out. * and ? stay within one path component, ** crosses them."
        ),
        ConfigurationKey(
            "filter.excludeUids", \.excludedUIDs, .list(.userID), reloads: true,
            "Events of processes of these users are left out."),
    ]

    package static func named(_ name: String) -> ConfigurationKey? { all.first { $0.name == name } }

    /// Names that only group others: `log` of `log.size`.
    package static let sections = Set(all.compactMap { $0.name.split(separator: ".").dropLast().last.map(String.init) })
}
