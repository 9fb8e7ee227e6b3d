package import TocsinEvents

/// Bounds on what clients can make the daemon keep.
package struct DeliveryLimits: Hashable, Sendable {
    package var sessions = 4096
    /// Reads of one session that pend at a time.
    package var pendingReads = 256
    /// Reads of all sessions of one user that pend at a time.
    package var pendingReadsPerUser = 16384
    /// Bytes of events that were given to one user's connections and that their sockets have not taken. A single event
    /// may be larger.
    package var queueSizePerUser = 64 << 20
    /// Groups in all, with members or without; at most 64, for whom there is room beside the event log.
    package var groups = 64
    /// Groups of one user. A user's groups without members are forgotten, longest abandoned first, to make room for
    /// its own new ones; never for another's.
    package var groupsPerUser = 64
    package var groupMembers = 64
    package var groupNameBytes = 128
    /// Events one member of a group was given and has not acknowledged, pending reads included.
    package var unacknowledged = 1024
    package var filter = FilterLimits()
    /// Logged events that one turn examines for one stream, so that no backlog delays the others.
    package var scanBudget = 4096
    /// Bytes of events that a subscription is given at once; the last event may go beyond. Then it counts as not
    /// writable until `writabilityChanged` says that its socket took them.
    package var subscriptionBudget = 28 << 10

    package init() {}

    /// The most groups there can be.
    package static let mostGroups = GroupLayout.count

    /// What a `LimitExceeded` names.
    package enum Name: String, Hashable, Sendable, CaseIterable {
        case sessions, pendingReads, pendingReadsPerUser, queueSizePerUser, groups, groupsPerUser, groupMembers,
            groupNameBytes, groupFilterBytes,
            unacknowledged
        case filterTypes, filterPaths, filterExcludePaths, filterUids, filterPatternBytes
    }
}
