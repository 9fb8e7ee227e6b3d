import TocsinLinux

/// The image addresses of each process when it was last told.
struct ImageTable {
    private var images: [Int32: (startTicks: UInt64, image: ProcStat.Image)] = [:]
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    mutating func learn(_ stat: ProcStat) {
        // Numbers come round, so only a machine with more processes at once gets here. To forget costs a little doubt.
        if images.count >= limit, images[stat.pid] == nil { images.removeAll(keepingCapacity: true) }
        images[stat.pid] = (stat.startTicks, stat.image)
    }

    /// Whether this very image was told before.
    func isKnown(_ stat: ProcStat) -> Bool {
        guard stat.image.isVisible, let known = images[stat.pid] else { return false }
        return known.startTicks == stat.startTicks && known.image == stat.image
    }
}
