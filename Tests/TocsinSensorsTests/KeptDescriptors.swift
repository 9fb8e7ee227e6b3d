import Glibc
import Synchronization
import TocsinLinux

@testable import TocsinSensors

/// A descriptor store in this process: what a source keeps, the next source of the test takes.
final class KeptDescriptors: DescriptorKeeping {
    private let kept = Mutex<[String: Int32]>([:])

    deinit { for number in kept.withLock({ $0 }).values { close(number) } }

    var names: [String] { kept.withLock { $0.keys.sorted() } }

    func takeKept(_ name: String) -> FileDescriptor? {
        kept.withLock { $0[name] }.map { FileDescriptor(owning: dup($0)) }
    }

    func keep(_ descriptor: borrowing FileDescriptor, as name: String) {
        let number = dup(descriptor.rawValue)
        if let earlier = kept.withLock({ $0.updateValue(number, forKey: name) }) { close(earlier) }
    }

    func forget(_ name: String) {
        if let number = kept.withLock({ $0.removeValue(forKey: name) }) { close(number) }
    }
}
