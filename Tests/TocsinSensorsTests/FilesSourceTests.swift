import Glibc
import Testing
import TocsinEvents
import TocsinLinux
import TocsinSensors

/// Against the running kernel, on a disk's file system, tmpfs and overlayfs. The changes are made by children: the
/// source does not tell of those of its own process.
@Suite(.enabled(if: geteuid() == 0, "fanotify needs root"), .serialized)
struct FilesSourceTests {
    enum FileSystemKind: CaseIterable, CustomStringConvertible {
        case disk, tmpfs, overlay

        var description: String {
            switch self {
            case .disk: "disk"
            case .tmpfs: "tmpfs"
            case .overlay: "overlay"
            }
        }
    }

    /// A directory `w` on a file system of the kind, and what keeps it.
    struct Ground {
        let path: String
        private let kept: [AnyObject & Sendable]

        init(_ kind: FileSystemKind) throws {
            let directory = try TemporaryDirectory()
            switch kind {
            case .disk:
                path = directory.path
                kept = [directory]
            case .tmpfs:
                path = directory.path
                kept = [try TemporaryMount(on: directory)]
            case .overlay:
                // Not below another overlay, which a container's root may be: layers on a tmpfs.
                let layers = try TemporaryMount(on: TemporaryDirectory())
                try shell("cd \(layers.path); mkdir lower upper work lower/w lower/w/below; echo x >lower/w/below/old")
                let options = "lowerdir=\(layers.path)/lower,upperdir=\(layers.path)/upper,workdir=\(layers.path)/work"
                kept = [try TemporaryMount(on: directory, kind: "overlay", options: options), layers]
                path = directory.path
            }
            try shell("mkdir -p \(path)/w")
        }
    }

    static func runner(_ patterns: String..., excluding: [String] = []) throws -> SourceRunner {
        let paths = try WatchedPaths(including: patterns, excluding: excluding)
        return try SourceRunner(FilesSource(paths, reader: try ProcessReader()))
    }

    /// What was told so far, after the news of one more file: as "type path", paths relative to the ground.
    static func story(_ runner: SourceRunner, _ ground: Ground) throws -> [String] {
        let marker = "\(ground.path)/w/marker"
        func ends(_ records: [SensorRecord]) -> Int { records.count { $0.file(.delete)?.path == ByteString(marker) } }
        let before = ends(runner.records)
        try shell("echo >\(marker); rm \(marker)")
        let records = try runner.wait("marker") { ends($0) > before }
        return records.compactMap { record in
            guard case .file(let type, let file, _) = record.body, file.path != ByteString(marker) else { return nil }
            func name(_ path: ByteString?) -> String {
                path.map { String($0.string.dropFirst(ground.path.count + 1)) } ?? "-"
            }
            return type == .rename
                ? "rename \(name(file.oldPath)) \(name(file.path))" : "\(type.rawValue) \(name(file.path))"
        }
    }

    @Test(
        "creation, writing, metadata, renaming and deletion are told with path and order",
        arguments: FileSystemKind.allCases)
    func life(_ kind: FileSystemKind) throws {
        let ground = try Ground(kind)
        let runner = try Self.runner("\(ground.path)/w/**")
        defer { runner.finish() }
        try shell("cd \(ground.path)/w; echo a >f; sleep 0.05; chmod 600 f; sleep 0.05; mv f g; sleep 0.05; rm g")
        let story = try Self.story(runner, ground)
        #expect(
            story == [
                "create w/f", "modify w/f", "attribute w/f", "rename w/f w/g", "delete w/g",
            ])
    }

    @Test("who did it is told, with program and arguments")
    func culprit() throws {
        let ground = try Ground(.disk)
        let runner = try Self.runner("\(ground.path)/w/f")
        defer { runner.finish() }
        let child = try Child(["/bin/sh", "-c", "echo a >\(ground.path)/w/f; read line", "culprit"])
        let pid = child.pid
        let records = try runner.wait("modify") { $0.contains { $0.file(.modify) != nil } }
        for record in records {
            guard case .file(_, let file, let process) = record.body else { continue }
            #expect(process?.pid == pid)
            #expect(process?.arguments?.last == "culprit")
            #expect(process?.parentPid == getpid())
            #expect(file.inode == (try FileStatus.of("\(ground.path)/w/f").identity.inode))
        }
        child.end()
    }

    @Test("new directories are covered from the instant they exist", arguments: FileSystemKind.allCases)
    func newDirectories(_ kind: FileSystemKind) throws {
        let ground = try Ground(kind)
        let runner = try Self.runner("\(ground.path)/w/**")
        defer { runner.finish() }
        try shell("cd \(ground.path)/w; mkdir -p a/b/c; echo x >a/b/c/f")
        try runner.wait("the file in the new directory") {
            $0.contains { $0.file(.create)?.path == ByteString("\(ground.path)/w/a/b/c/f") }
        }
        let story = try Self.story(runner, ground)
        for path in ["w/a", "w/a/b", "w/a/b/c", "w/a/b/c/f"] {
            #expect(story.contains("create \(path)"), "\(story)")
        }
    }

    @Test("a path that does not exist yet is watched for", arguments: FileSystemKind.allCases)
    func notYet(_ kind: FileSystemKind) throws {
        let ground = try Ground(kind)
        let runner = try Self.runner("\(ground.path)/w/marker", "\(ground.path)/x/*/z/file")
        defer { runner.finish() }
        try shell("cd \(ground.path); mkdir -p x/y/z; echo 1 >x/y/z/file; echo 1 >x/y/z/other; echo 1 >x/y/file")
        #expect(try Self.story(runner, ground).filter { $0.hasPrefix("create") } == ["create x/y/z/file"])
    }

    @Test("renaming across directories follows the file, and a renamed directory what is below it")
    func renames() throws {
        let ground = try Ground(.disk)
        try shell("cd \(ground.path); mkdir -p w/a/deep w/b out/in; echo 1 >w/a/deep/f; echo 1 >out/in/g")
        let runner = try Self.runner("\(ground.path)/w/**")
        defer { runner.finish() }
        try shell(
            "cd \(ground.path); mv w/a/deep/f w/b/f; mv w/a w/c; echo 2 >w/c/deep/h; mv out/in w/in; echo 3 >>w/in/g")
        try shell("cd \(ground.path); mv w/b out/b; echo 4 >>out/b/f; mv w/in/g out/g")
        let story = try Self.story(runner, ground)
        #expect(
            story == [
                "rename w/a/deep/f w/b/f", "rename w/a w/c", "create w/c/deep/h", "modify w/c/deep/h",
                "rename out/in w/in",
                "modify w/in/g", "rename w/b out/b", "rename w/in/g out/g",
            ])
    }

    @Test("an editor's save is one short story, for each way of saving")
    func editors() throws {
        let ground = try Ground(.disk)
        try shell("echo old >\(ground.path)/w/conf")
        let runner = try Self.runner("\(ground.path)/w/conf", "\(ground.path)/w/marker")
        defer { runner.finish() }
        // A temporary file renamed over: sed -i, and most programs that write configuration.
        try shell("sed -i s/old/new/ \(ground.path)/w/conf")
        let sed = try Self.story(runner, ground)
        #expect(sed.count == 1 && sed[0].hasPrefix("rename w/sed") && sed[0].hasSuffix(" w/conf"), "\(sed)")
        // In place: nano, tee.
        try shell("echo newer >\(ground.path)/w/conf")
        let nano = try Self.story(runner, ground).dropFirst(sed.count)
        #expect(nano == ["modify w/conf"])
        // The old one renamed away, the new one written by its name: vim with a backup.
        try shell("cd \(ground.path)/w; mv conf conf~; echo newest >conf; rm conf~")
        let vim = try Self.story(runner, ground).dropFirst(sed.count + nano.count)
        #expect(vim == ["rename w/conf w/conf~", "create w/conf", "modify w/conf"])
    }

    @Test("a write by a hard link elsewhere is told under the watched name")
    func hardLink() throws {
        let ground = try Ground(.disk)
        try shell("echo x >\(ground.path)/w/f")
        let runner = try Self.runner("\(ground.path)/w/*")
        defer { runner.finish() }
        try shell("cd \(ground.path); ln w/f innocent; sleep 0.05; echo y >>innocent")
        let story = try Self.story(runner, ground)
        #expect(story == ["attribute w/f", "modify w/f"])
    }

    @Test("what is excluded is not told")
    func excluded() throws {
        let ground = try Ground(.disk)
        let runner = try Self.runner("\(ground.path)/w/**", excluding: ["\(ground.path)/w/**/*.swp"])
        defer { runner.finish() }
        try shell("cd \(ground.path)/w; echo 1 >.f.swp; echo 1 >f")
        let story = try Self.story(runner, ground)
        #expect(story == ["create w/f", "modify w/f"])
    }

    @Test("ten thousand files are all told, each once")
    func massChange() throws {
        let ground = try Ground(.tmpfs)
        let runner = try Self.runner("\(ground.path)/w/**")
        defer { runner.finish() }
        // In an eighth of the queue's length at a time, so that nothing overflows however slow the machine is.
        for part in 0..<10 {
            try shell("cd \(ground.path)/w; i=0; while [ $i -lt 1000 ]; do : >f\(part)-$i; i=$((i+1)); done")
            try runner.wait("part \(part)") { $0.count { $0.file(.create) != nil } >= (part + 1) * 1000 }
        }
        let created = runner.records.compactMap { $0.file(.create)?.path }
        #expect(created.count == 10_000)
        #expect(Set(created).count == 10_000)
        #expect(runner.statistics.overflows == 0)
    }

    @Test("what is mounted over a watched directory is watched, and what was below again afterwards")
    func mountOver() throws {
        let ground = try Ground(.disk)
        let runner = try Self.runner("\(ground.path)/w/**")
        defer { runner.finish() }
        let path = "\(ground.path)/w"
        // The source learns of a mount by itself, a moment later.
        func write(_ name: String) throws -> Bool {
            for attempt in 0..<100 {
                let file = "\(path)/\(name)\(attempt)"
                try shell("echo >\(file)")
                usleep(20_000)
                if runner.records.contains(where: { $0.file(.create)?.path == ByteString(file) }) { return true }
            }
            return false
        }
        #expect(try write("before"))
        try shell("mount -t tmpfs tmpfs \(path)")
        #expect(try write("over"))
        try shell("umount \(path)")
        #expect(try write("after"))
    }

    @Test("a queue that overflows is told as a gap, and what was made meanwhile is watched afterwards")
    func overflow() throws {
        let ground = try Ground(.tmpfs)
        let limit = try FileDescriptor.open("/proc/sys/fs/fanotify/max_queued_events").readToEnd(limit: 32)
        let count = try #require(Int(decimal: limit.prefix { $0 != UInt8(ascii: "\n") }))
        let source = FilesSource(try WatchedPaths(including: ["\(ground.path)/w/**"]), reader: try ProcessReader())
        try source.open()
        try shell("cd \(ground.path)/w; i=0; while [ $i -lt \(count / 2 + 100) ]; do : >$i; i=$((i+1)); done")
        try shell(
            "cd \(ground.path)/w; mkdir later; i=0; while [ $i -lt \(count / 2 + 100) ]; do : >x$i; i=$((i+1)); done")
        let runner = try SourceRunner(adopting: source)
        defer { runner.finish() }
        try runner.wait("gap") { $0.contains { $0.body == .gap(count: nil) } }
        try shell("echo >\(ground.path)/w/later/file")
        try runner.wait("the file in the directory that was missed") {
            $0.contains { $0.file(.create)?.path == ByteString("\(ground.path)/w/later/file") }
        }
        #expect(runner.statistics.overflows == 1)
    }

    @Test("a watched file system can be unmounted")
    func unmount() throws {
        let directory = try TemporaryDirectory()
        let runner: SourceRunner
        do {
            let mounted = try TemporaryMount(on: directory)
            runner = try Self.runner("\(mounted.path)/**")
            // Busy for the moment in which the source looks at the file.
            try shell("echo >\(mounted.path)/f; timeout 30 sh -c 'until umount \(mounted.path); do sleep 0.01; done'")
        }
        runner.finish()
    }
}

/// Runs it and waits for its end, which has to be a success.
func shell(_ command: String) throws {
    let child = try Child(["/bin/sh", "-ec", command])
    let status = child.end()
    if status != 0 { throw SystemError(operation: "status \(status) of sh -c '\(command)'", code: ECHILD) }
}

extension SensorRecord {
    func file(_ type: EventType) -> File? {
        if case .file(type, let file, _) = body { file } else { nil }
    }
}
