import TocsinEvents

/// What a process runs. Its children run the same until they execute something, and share this.
package final class KnownProgram: Sendable {
    fileprivate let executable: ByteString?
    fileprivate let device: UInt64?
    fileprivate let inode: UInt64?
    fileprivate let filename: ByteString?
    /// A beginning of them.
    private let kept: Arguments?
    fileprivate let argumentsTruncated: Bool
    fileprivate let flags: Process.ExecFlags

    /// - Parameter argumentBytes: at most so many of its arguments are kept.
    init(of process: borrowing Process, argumentBytes: Int = Lineage.parentArgumentBytes) {
        executable = process.executable
        device = process.executableDevice
        inode = process.executableInode
        filename = process.filename
        flags = process.flags
        let (arguments, areTruncated) = process.firstArguments(upTo: argumentBytes)
        argumentsTruncated = areTruncated
        kept = arguments.map(Arguments.init)
    }

    /// Bytes that it takes; measured, about.
    var byteCount: Int {
        160 + (executable?.allocatedBytes ?? 0) + (filename?.allocatedBytes ?? 0) + (kept?.byteCount ?? 0)
    }

    fileprivate var arguments: [ByteString]? { kept?.list }

    /// Few are kept as they are told. Each is an array of its own, of 40 bytes and more, and a process may have
    /// hundreds of one letter: many are kept in one, each ended by NUL, which none contains.
    private enum Arguments: Sendable {
        case few([ByteString])
        case many([UInt8])

        private static let few = 8

        init(_ arguments: [ByteString]) {
            guard arguments.count > Self.few else {
                self = .few(arguments)
                return
            }
            var packed: [UInt8] = []
            packed.reserveCapacity(arguments.reduce(0) { $0 + $1.bytes.count + 1 })
            for argument in arguments {
                packed += argument.bytes
                packed.append(0)
            }
            self = .many(packed)
        }

        var list: [ByteString] {
            switch self {
            case .few(let arguments): arguments
            case .many(let packed):
                packed.split(separator: 0, omittingEmptySubsequences: false).dropLast().map { ByteString(Array($0)) }
            }
        }

        var byteCount: Int {
            switch self {
            case .few(let arguments): arguments.reduce(48) { $0 + $1.allocatedBytes + 8 }
            case .many(let packed): packed.count + 48
            }
        }
    }
}

extension Process.Members {
    /// It runs what another one runs: a child until it executes, or the same at another time. What was not told of
    /// this one and may have changed since, as the working directory, is not taken over.
    mutating func run(_ program: KnownProgram) {
        executable = executable ?? program.executable
        executableDevice = executableDevice ?? program.device
        executableInode = executableInode ?? program.inode
        filename = filename ?? program.filename
        if arguments == nil {
            arguments = program.arguments
            argumentsTruncated = program.argumentsTruncated
        }
        flags.formUnion(program.flags)
    }
}

extension Process {
    /// The process, running this where it was not told what it runs.
    package func running(_ program: KnownProgram) -> Process {
        var members = members
        members.run(program)
        return Process(members)
    }

    /// It was told of with a program of its own.
    var hasProgram: Bool { self.executable != nil || self.filename != nil || self.arguments != nil }
}

// An array has 32 bytes more than its elements, a string that is not kept in place as many more than its text; and
// malloc rounds up.

extension ByteString {
    var allocatedBytes: Int { bytes.count + 48 }
}

extension String {
    var allocatedBytes: Int { utf8.count < 16 ? 0 : utf8.count + 48 }
}
