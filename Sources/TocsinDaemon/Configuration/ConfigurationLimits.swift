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

    var deliveryLimits: DeliveryLimits {
        var limits = DeliveryLimits()
        limits.sessions = maxConnections
        limits.pendingReads = maxPendingReads
        limits.pendingReadsPerUser = maxPendingReadsPerUser
        limits.queueSizePerUser = maxQueuedBytesPerUser
        limits.groups = maxGroups
        return limits
    }
}
