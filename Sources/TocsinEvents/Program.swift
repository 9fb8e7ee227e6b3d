extension Process {
    /// What a process runs, since its latest execution. What could not be learnt is nil.
    public struct Program: Hashable, Sendable {
        /// The file that runs, links resolved.
        public var executable: ByteString?
        public var executableDevice: UInt64?
        public var executableInode: UInt64?
        /// The path as it was passed to `execve(2)`.
        public var filename: ByteString?
        /// nil where they are unknown; empty where the process has none.
        public var arguments: Arguments?
        public var argumentsTruncated: Bool
        public var flags: ExecFlags
    }

    /// What is remarkable about an execution.
    public struct ExecFlags: OptionSet, Hashable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// The effective user changed by the file's set-user-ID bit.
        public static let setuid = ExecFlags(rawValue: 1)
        public static let setgid = ExecFlags(rawValue: 2)
        /// The executable is memory, not a file.
        public static let memfd = ExecFlags(rawValue: 4)
        /// The executable has no name any more.
        public static let deleted = ExecFlags(rawValue: 8)
        /// An interpreter runs a script.
        public static let script = ExecFlags(rawValue: 16)

        /// Names in the interface.
        public static let names: [(flag: ExecFlags, name: String)] = [
            (.setuid, "setuid"), (.setgid, "setgid"), (.memfd, "memfd"), (.deleted, "deleted"), (.script, "script"),
        ]
    }
}

extension Process.Program {
    // By the initializer that the compiler makes: one that sets what is nil at first makes it copy the whole.
    public init(
        executable: ByteString? = nil, device: UInt64? = nil, inode: UInt64? = nil, filename: ByteString? = nil,
        arguments: Arguments? = nil, argumentsTruncated: Bool = false, flags: Process.ExecFlags = []
    ) {
        self.init(
            executable: executable, executableDevice: device, executableInode: inode, filename: filename,
            arguments: arguments, argumentsTruncated: argumentsTruncated, flags: flags)
    }
}

extension Process.Members {
    /// Nothing in it where nothing is known.
    public var program: Process.Program {
        get { sharedProgram?.value ?? Process.Program() }
        set { sharedProgram = newValue == Process.Program() ? nil : Shared(newValue) }
    }

    public var executable: ByteString? {
        get { sharedProgram?.value.executable }
        set { program.executable = newValue }
    }
    public var executableDevice: UInt64? {
        get { sharedProgram?.value.executableDevice }
        set { program.executableDevice = newValue }
    }
    public var executableInode: UInt64? {
        get { sharedProgram?.value.executableInode }
        set { program.executableInode = newValue }
    }
    public var filename: ByteString? {
        get { sharedProgram?.value.filename }
        set { program.filename = newValue }
    }
    public var arguments: Arguments? {
        get { sharedProgram?.value.arguments }
        set { program.arguments = newValue }
    }
    public var argumentsTruncated: Bool {
        get { sharedProgram?.value.argumentsTruncated ?? false }
        set { program.argumentsTruncated = newValue }
    }
    public var flags: Process.ExecFlags {
        get { sharedProgram?.value.flags ?? [] }
        set { program.flags = newValue }
    }
}
