import Glibc
import TestSupport
import Testing
import TocsinClient
import TocsinEvents

/// A watched file changes, and a pending read completes: the whole way, on the real kernel.
@Suite(.enabled(if: isRoot, "fanotify needs CAP_SYS_ADMIN")) struct FileChangeTests {
    @Test("an editor's save of a watched file is told in order, with who did it, and what is excluded is not")
    func save() async throws {
        let watched = try TemporaryDirectory()
        try watched.write("old", to: "sudoers")
        let daemon = try await RunningDaemon.ready(
            configuration: """
                sources: [files]
                files: {paths: ["\(watched.path)/**"], exclude: ["\(watched.path)/*.swp"]}
                """)
        let session = try await daemon.client.open()
        let save = "echo x > .swp; mv .swp x.swp; echo new > tmp; mv tmp sudoers; rm x.swp; chmod 600 sudoers"
        let shell = try await Subprocess.run("/bin/sh", ["-c", "cd \(watched.path) && \(save)"])
        #expect(shell.status == 0, "\(shell.errorText)")

        var told: [String] = []
        while told.last != "attribute sudoers" {
            let event = try await session.read(timeout: .seconds(20)).event
            let names = [event.file?.oldPath, event.file?.path].compactMap { $0 }.map {
                String(decoding: $0.lastComponent, as: UTF8.self)
            }
            told.append("\(event.type.rawValue) \(names.joined(separator: " "))")
            #expect(event.process?.uid == 0 || event.process?.gone == true)
        }
        #expect(
            told.filter { $0.contains("sudoers") || $0.hasSuffix("tmp") } == [
                "create tmp", "modify tmp", "rename tmp sudoers", "attribute sudoers",
            ])
        await session.close()
    }

    @Test("a change is told with who forked whom, also where nobody waits for executions and the parent has ended")
    func ancestors() async throws {
        let watched = try TemporaryDirectory()
        let daemon = try await RunningDaemon.ready(
            configuration: "sources: [ebpf, files]\nfiles: {paths: [\"\(watched.path)/**\"]}\n")
        let session = try await daemon.client.open(Filter(types: [.create]))
        // The inner shell forks one that waits for the end of its parent, whose end no executed program tells of.
        let inner = "(while kill -0 $$; do :; done; echo >\(watched.path)/f) >/dev/null 2>&1 & exit"
        let shell = try await Subprocess.run("/bin/sh", ["-c", inner, "marked"])
        #expect(shell.status == 0, "\(shell.errorText)")
        let event = try await session.read(timeout: .seconds(20)).event
        #expect(event.file?.path == ByteString("\(watched.path)/f"))
        #expect(event.ancestors.first?.arguments?.last == "marked", "\(event.ancestors.map(\.comm))")
        await session.close()
    }

    @Test("auto watches what decides what runs, and goes on without where that is not allowed")
    func automatic() async throws {
        let privileged = try await RunningDaemon.ready(["--source", "auto"])
        #expect(try await privileged.client.status().sources.first { $0.name == "files" }?.state == "running")
        let unprivileged = try await RunningDaemon.ready(
            ["--source", "auto"],
            wrapper: ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all"])
        #expect(try await unprivileged.client.status().sources.first { $0.name == "files" }?.state == "refused")
        #expect(unprivileged.process.errorsWritten.contains("Source does not work here, continuing without"))
    }
}
