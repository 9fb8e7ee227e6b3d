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

    /// What is kept now, as a process that is killed at this moment leaves it: memory stays as it is.
    func asLeft() throws -> KeptDescriptors {
        let left = KeptDescriptors()
        for name in names {
            guard let descriptor = takeKept(name) else { continue }
            guard !descriptor.isFanotifyGroup else {
                left.keep(descriptor, as: name)
                continue
            }
            let memory = MemoryFile(adopting: descriptor)
            let byteCount = try memory.byteCount()
            let copy = try MemoryFile(name: "copy", byteCount: byteCount)
            try copy.add([.shrink, .grow, .seal])
            try copy.descriptor.writeAll(try memory.descriptor.read(count: byteCount, at: 0))
            left.keep(copy.descriptor, as: name)
        }
        return left
    }
}
