import Testing
import TocsinLinux

@Suite struct MountTableTests {
    @Test("a mount line with optional fields and escapes is understood")
    func parse() throws {
        let line =
            #"36 35 98:0 /mnt1 /mnt\0402\134x rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue"#
        let mount = try #require(Mount(parsing: Array(line.utf8)[...]))
        #expect(mount.id == 36)
        #expect(mount.parent == 35)
        #expect(mount.major == 98 && mount.minor == 0)
        #expect(mount.root == Array("/mnt1".utf8))
        #expect(mount.mountPoint == Array(#"/mnt 2\x"#.utf8))
        #expect(mount.fileSystem == "ext3")
    }

    @Test(
        "a line that is not a mount is refused",
        arguments: ["", "a b", "36 35 98 / / rw - ext3 x rw", "36 35 9:0 / / rw ext3 x rw y z"])
    func malformed(_ line: String) {
        #expect(Mount(parsing: Array(line.utf8)[...]) == nil)
    }

    @Test("the root file system is in the table, by the mount id that statx gives")
    func own() throws {
        let mounts = try MountTable().read()
        let root = try FileDescriptor.open("/")
        let id = try root.mountID()
        #expect(mounts.contains { $0.id == id && $0.mountPoint == Array("/".utf8) })
    }
}
