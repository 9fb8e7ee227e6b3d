internal import JSON
internal import Synchronization

/// The ancestors of a process as an event tells them, with their encoding. The children of one process share both, so
/// neither has to be made for every event.
package final class Lineage: Sendable {
    /// Nearest first. The parent with what it runs; those behind it with who they are and how their command lines
    /// begin, because each was told whole when it started.
    package let ancestors: [Process]
    /// A JSON array.
    let json: [UInt8]
    /// Of the encoding: see `Passage`.
    let number: UInt64
    /// What is told of it when a process ends: the parent. The others were told when it started.
    package var ofEnd: Lineage { parent ?? self }
    /// nil where it is all there is.
    private let parent: Lineage?

    /// Ancestors told of.
    package static let depth = 16
    /// Bytes of its arguments that are told of the parent.
    package static let parentArgumentBytes = 1024
    /// Bytes of their arguments that are told of those behind it.
    package static let argumentBytes = 128

    /// Of the encodings; what they were made from takes up to four times as many.
    package var byteCount: Int { json.count + (parent?.json.count ?? 0) }

    package static let unknown = Lineage([])

    private static let made = Atomic<UInt64>(0)

    /// - Parameter processes: nearest first.
    package convenience init(_ processes: [Process]) {
        let ancestors = processes.prefix(Self.depth).enumerated().map { $1.asAncestor(isParent: $0 == 0) }
        let parent = ancestors.count > 1 ? Lineage(of: Array(ancestors.prefix(1)), parent: nil) : nil
        self.init(of: ancestors, parent: parent)
    }

    private init(of ancestors: [Process], parent: Lineage?) {
        self.ancestors = ancestors
        self.parent = parent
        number = Self.made.add(1, ordering: .relaxed).newValue
        var writer = JSONWriter()
        writer.processes(ancestors)
        json = writer.bytes
    }
}

extension Process {
    fileprivate func asAncestor(isParent: Bool) -> Process {
        var ancestor = Members(entityID: self.entityID, pid: self.pid, startTimeNSec: self.startTimeNSec)
        ancestor.uid = self.uid
        ancestor.comm = self.comm
        if let whole = self.sharedProgram {
            let limit = isParent ? Lineage.parentArgumentBytes : Lineage.argumentBytes
            let program = whole.shortened(to: limit)?.value ?? whole.value
            ancestor.program = Program(
                executable: program.executable, arguments: program.arguments,
                argumentsTruncated: program.argumentsTruncated)
        }
        guard isParent else { return Process(ancestor) }
        ancestor.parentPid = self.parentPid
        ancestor.effectiveUid = self.effectiveUid
        ancestor.controlGroup = ControlGroup(unit: self.unit, container: self.container)
        return Process(ancestor)
    }
}

extension Shared<Process.Program> {
    /// With a bounded beginning of its arguments, of which each but the last counts with its NUL; nil where these are
    /// all.
    package func shortened(to limit: Int) -> Self? {
        guard let arguments = value.arguments, arguments.bytes.count > limit + 1 else { return nil }
        var shortened = value
        shortened.arguments = Arguments(bytes: Array(arguments.bytes.prefix(limit)))
        shortened.argumentsTruncated = true
        return Shared(shortened)
    }
}
