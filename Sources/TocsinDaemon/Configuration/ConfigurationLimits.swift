import TocsinDelivery
import Varlink

// What the configured limits mean to the parts they bound.

extension Configuration {
    var serverLimits: ServerLimits {
        var limits = ServerLimits()
        limits.maximumConnections = maxConnections
        limits.connectionsReservedForRoot = reservedConnections
        limits.maximumConnectionsPerUser = maxConnectionsPerUser
        limits.maximumPipelinedCalls = maxPendingReads
        limits.maximumMessageBytes = maxMessageBytes
        return limits
    }

    /// What the sources hold at most: fanotify's, two for each of 400 executions it looks into.
    private static let ownDescriptors = 1024

    /// Connections in all where the process may have this many descriptors. A client must not be able to blind a source
    /// by connecting.
    func connections(within descriptors: Int) -> Int {
        max(1, min(maxConnections, descriptors - min(Self.ownDescriptors, descriptors / 2)))
    }

    var deliveryLimits: DeliveryLimits {
        var limits = DeliveryLimits()
        limits.sessions = maxConnections
        limits.pendingReads = maxPendingReads
        limits.pendingReadsPerUser = maxPendingReadsPerUser
        limits.queueSizePerUser = maxQueuedBytesPerUser
        // With as many a connection is not writable, and tells when it is again.
        limits.subscriptionBudget = serverLimits.outputHighWaterMark
        limits.groups = maxGroups
        return limits
    }
}
