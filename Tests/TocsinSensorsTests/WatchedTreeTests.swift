import Testing
import TocsinEvents
import TocsinLinux
import TocsinSensors

@Suite struct WatchedTreeTests {
    typealias Report = WatchedTree.Report
    typealias Place = WatchedTree.Place
    typealias Change = WatchedTree.Change

    static func handle(_ number: UInt8) -> FileHandle { FileHandle(fileSystem: 1, type: 1, bytes: [number]) }
    static func place(_ directory: UInt8, _ name: String) -> Place {
        Place(directory: handle(directory), name: Array(name.utf8))
    }

    /// `/` is 1, `/w` is 2, `/w/a` is 3; the file `/w/f` is 20.
    static func tree(directoryLimit: Int = 100, fileLimit: Int = 100) throws -> WatchedTree {
        var tree = WatchedTree(
            try WatchedPaths(including: ["/w/**"]), directoryLimit: directoryLimit, fileLimit: fileLimit)
        for (number, path) in [(1, "/"), (2, "/w"), (3, "/w/a")] as [(UInt8, ByteString)] {
            let learned = tree.learn(directory: handle(number), path)
            #expect(learned)
        }
        tree.learn(file: handle(20), "/w/f")
        return tree
    }

    static func follow(_ tree: inout WatchedTree, _ report: Report, exists: Bool = false, elsewhere: ByteString? = nil)
        -> [WatchedTree.Action]
    {
        tree.follow(report, exists: { _ in exists }, locate: { _, _ in elsewhere })
    }

    @Test("what happens in unknown directories is dropped")
    func unknown() throws {
        var tree = try Self.tree()
        #expect(Self.follow(&tree, Report(mask: .create, at: Self.place(9, "x"), file: Self.handle(30))) == [])
        #expect(Self.follow(&tree, Report(mask: .closeWrite, file: Self.handle(30))) == [])
    }

    @Test("a directory made and filled is told file by file, at once")
    func newDirectory() throws {
        var tree = try Self.tree()
        let made = Report(mask: [.create, .onDirectory], at: Self.place(3, "new"), file: Self.handle(4))
        #expect(
            Self.follow(&tree, made) == [
                .tell(Change(type: .create, path: "/w/a/new", file: Self.handle(4))),
                .entered("/w/a/new", Self.handle(4)),
            ])
        let filled = Report(mask: [.create, .closeWrite], at: Self.place(4, "x"), file: Self.handle(31))
        #expect(
            Self.follow(&tree, filled) == [
                .tell(Change(type: .create, path: "/w/a/new/x", file: Self.handle(31))),
                .tell(Change(type: .modify, path: "/w/a/new/x", file: Self.handle(31))),
            ])
    }

    @Test("a renamed directory takes what is below with it, and reports keep the path of their time")
    func renamedDirectory() throws {
        var tree = try Self.tree()
        let rename = Report(
            mask: [.rename, .onDirectory], at: Self.place(2, "b"), from: Self.place(2, "a"), file: Self.handle(3))
        #expect(
            Self.follow(&tree, rename) == [
                .tell(Change(type: .rename, path: "/w/b", oldPath: "/w/a", file: Self.handle(3))),
                .walk("/w/b", Self.handle(3)),
            ])
        let write = Report(mask: .closeWrite, at: Self.place(3, "x"), file: Self.handle(30))
        #expect(
            Self.follow(&tree, write) == [.tell(Change(type: .modify, path: "/w/b/x", file: Self.handle(30)))])
    }

    @Test("a directory moved away is told and forgotten, one moved in is told and walked")
    func moved() throws {
        var tree = try Self.tree()
        let out = Report(
            mask: [.rename, .onDirectory], at: Self.place(9, "a"), from: Self.place(2, "a"), file: Self.handle(3))
        #expect(
            Self.follow(&tree, out, elsewhere: "/tmp") == [
                .tell(Change(type: .rename, path: "/tmp/a", oldPath: "/w/a", file: Self.handle(3)))
            ])
        #expect(Self.follow(&tree, Report(mask: .closeWrite, at: Self.place(3, "x"), file: Self.handle(30))) == [])
        let back = Report(
            mask: [.rename, .onDirectory], at: Self.place(2, "c"), from: Self.place(9, "a"), file: Self.handle(3))
        #expect(
            Self.follow(&tree, back, elsewhere: "/tmp") == [
                .tell(Change(type: .rename, path: "/w/c", oldPath: "/tmp/a", file: Self.handle(3))),
                .walk("/w/c", Self.handle(3)),
            ])
    }

    @Test("moving the watched directory itself is told, and so is a link put in its place")
    func replaced() throws {
        var tree = try Self.tree()
        let away = Report(
            mask: [.rename, .onDirectory], at: Self.place(1, "old"), from: Self.place(1, "w"), file: Self.handle(2))
        #expect(
            Self.follow(&tree, away) == [
                .tell(Change(type: .rename, path: "/old", oldPath: "/w", file: Self.handle(2)))
            ])
        let link = Report(mask: .create, at: Self.place(1, "w"), file: Self.handle(40))
        #expect(Self.follow(&tree, link) == [.tell(Change(type: .create, path: "/w", file: Self.handle(40)))])
    }

    @Test("what leaves for a place that cannot be told is deleted there")
    func lostRename() throws {
        var tree = try Self.tree()
        let out = Report(mask: .rename, at: Self.place(9, "f"), from: Self.place(2, "f"), file: Self.handle(20))
        #expect(Self.follow(&tree, out) == [.tell(Change(type: .delete, path: "/w/f", file: Self.handle(20)))])
    }

    @Test("a write by another name of a watched file is told under the watched one")
    func hardLink() throws {
        var tree = try Self.tree()
        let write = Report(mask: .closeWrite, at: Self.place(9, "other"), file: Self.handle(20))
        #expect(
            Self.follow(&tree, write) == [.tellIfLinked(Change(type: .modify, path: "/w/f", file: Self.handle(20)))])
        // The number of its names changed: reported without a directory.
        #expect(
            Self.follow(&tree, Report(mask: .attributes, file: Self.handle(20)))
                == [.tellIfLinked(Change(type: .attribute, path: "/w/f", file: Self.handle(20)))])
        #expect(Self.follow(&tree, Report(mask: .create, at: Self.place(9, "third"), file: Self.handle(20))) == [])
    }

    @Test("a file renamed over a watched one takes its place, and the old one is not watched any more")
    func renamedOver() throws {
        var tree = try Self.tree()
        let over = Report(mask: .rename, at: Self.place(2, "f"), from: Self.place(2, ".f.tmp"), file: Self.handle(21))
        #expect(
            Self.follow(&tree, over) == [
                .tell(Change(type: .rename, path: "/w/f", oldPath: "/w/.f.tmp", file: Self.handle(21)))
            ])
        #expect(Self.follow(&tree, Report(mask: .attributes, file: Self.handle(20))) == [])
        #expect(Self.follow(&tree, Report(mask: .attributes, file: Self.handle(21))).count == 1)
    }

    @Test("creation and deletion merged into one report are told in the order that explains what is there now")
    func merged() throws {
        var tree = try Self.tree()
        let both = Report(mask: [.create, .delete, .closeWrite], at: Self.place(2, "x"), file: Self.handle(30))
        func types(_ actions: [WatchedTree.Action]) -> [EventType] {
            actions.compactMap { if case .tell(let change) = $0 { change.type } else { nil } }
        }
        #expect(types(Self.follow(&tree, both, exists: false)) == [.create, .modify, .delete])
        #expect(types(Self.follow(&tree, both, exists: true)) == [.delete, .create, .modify])
    }

    @Test("the tables stay within their bounds and say that they were full")
    func bounded() throws {
        var tree = try Self.tree(directoryLimit: 3, fileLimit: 1)
        let made = Report(mask: [.create, .onDirectory], at: Self.place(3, "new"), file: Self.handle(4))
        #expect(
            Self.follow(&tree, made) == [.tell(Change(type: .create, path: "/w/a/new", file: Self.handle(4)))])
        tree.learn(file: Self.handle(22), "/w/g")
        #expect(tree.refused == 2)
        #expect(tree.directoryCount == 3)
    }
}
