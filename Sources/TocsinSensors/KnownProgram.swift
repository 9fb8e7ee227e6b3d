import TocsinEvents

/// What a process runs, in little memory: there may be thousands.
package final class KnownProgram {
    /// As far as it is kept; nil where nothing was told.
    let program: Shared<Process.Program>?
    /// Bytes that it takes; measured, about.
    let byteCount: Int
    /// Processes that run it, for who counts them.
    var users = 0

    /// - Parameter argumentBytes: at most so many of its arguments are kept.
    init(_ program: consuming Shared<Process.Program>?, argumentBytes: Int = Lineage.parentArgumentBytes) {
        if let shortened = program?.shortened(to: argumentBytes) { program = shortened }
        byteCount = 160 + (program?.allocatedBytes ?? 0)
        self.program = program
    }
}

extension Shared<Process.Program> {
    fileprivate func completed(from known: Self) -> Self {
        let (mine, known) = (value, known.value)
        return Shared(
            Process.Program(
                executable: mine.executable ?? known.executable,
                device: mine.executableDevice ?? known.executableDevice,
                inode: mine.executableInode ?? known.executableInode,
                filename: mine.filename ?? known.filename, arguments: mine.arguments ?? known.arguments,
                argumentsTruncated: mine.arguments == nil ? known.argumentsTruncated : mine.argumentsTruncated,
                flags: mine.flags.union(known.flags)))
    }
}

extension Process.Members {
    /// It runs what another one runs: a child until it executes, or the same at another time. What was not told of
    /// this one and may have changed since, as the working directory, is not taken over.
    mutating func run(_ known: KnownProgram) {
        guard let program = known.program else { return }
        sharedProgram = sharedProgram?.completed(from: program) ?? program
    }
}

extension Process {
    /// The process, running this where it was not told what it runs.
    package func running(_ program: KnownProgram) -> Process {
        var members = members
        members.run(program)
        return Process(members)
    }
}

// An array has 32 bytes more than its elements, a string that is not kept in place as many more than its text; and
// malloc rounds up.

extension Shared<Process.Program> {
    fileprivate var allocatedBytes: Int {
        (value.executable?.allocatedBytes ?? 0) + (value.filename?.allocatedBytes ?? 0)
            + (value.arguments.map { $0.bytes.count + 48 } ?? 0)
    }
}

extension ByteString {
    var allocatedBytes: Int { bytes.count + 48 }
}

extension String {
    var allocatedBytes: Int { utf8.count < 16 ? 0 : utf8.count + 48 }
}
