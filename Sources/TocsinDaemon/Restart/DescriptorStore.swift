import Synchronization
import TocsinLinux
import TocsinSensors
import TocsinSystemd

/// The service manager's descriptor store, and what it gave back at this start.
///
/// Owns the descriptors that came back and that nobody has taken. The manager's own duplicates live until they are
/// forgotten, or the unit stops: systemd drops them then.
final class DescriptorStore: DescriptorKeeping {
    private let manager: ServiceManager
    private let inherited: Mutex<[String: Int32]>

    /// Takes everything: what nobody asks for by `dropUnclaimed` was left by another version or configuration.
    init(_ descriptors: consuming InheritedDescriptors, manager: ServiceManager) {
        self.manager = manager
        var byName: [String: Int32] = [:]
        for (name, number) in descriptors.take(where: { _ in true }) {
            // Two of one name: the later was kept instead of the earlier.
            if let earlier = byName.updateValue(number, forKey: name) { _ = FileDescriptor(owning: earlier) }
        }
        inherited = Mutex(byName)
    }

    deinit {
        for number in inherited.withLock({ $0 }).values { _ = FileDescriptor(owning: number) }
    }

    func takeKept(_ name: String) -> FileDescriptor? {
        inherited.withLock { $0.removeValue(forKey: name) }.map { FileDescriptor(owning: $0) }
    }

    func keep(_ descriptor: borrowing FileDescriptor, as name: String) {
        guard let storedName = DescriptorName(name) else { return }
        // systemd would keep both.
        manager.removeStored(storedName)
        manager.store(descriptor.rawValue, name: storedName)
    }

    func forget(_ name: String) {
        _ = takeKept(name)
        if let name = DescriptorName(name) { manager.removeStored(name) }
    }

    /// Closes what nobody has taken. A group of fanotify or a probe that is kept and not read would go on recording for
    /// nobody.
    ///
    /// - Returns: the names.
    func dropUnclaimed() -> [String] {
        let names = inherited.withLock { Array($0.keys) }.sorted()
        for name in names { forget(name) }
        return names
    }
}
