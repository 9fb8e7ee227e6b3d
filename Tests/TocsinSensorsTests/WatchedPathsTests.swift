import Testing
import TocsinEvents
import TocsinSensors

@Suite struct WatchedPathsTests {
    @Test("a pattern watches its files, and leads through the directories on the way only")
    func leads() throws {
        let paths = try WatchedPaths(including: ["/home/*/.ssh/authorized_keys", "/etc/cron.d/**", "/srv/**/log"])
        for (path, contains, leads) in [
            ("/", false, true), ("/home", false, true), ("/home/a", false, true), ("/home/a/.ssh", false, true),
            ("/home/a/.ssh/authorized_keys", true, false), ("/home/a/.config", false, false),
            ("/home/a/b/.ssh/authorized_keys", false, false), ("/etc", false, true), ("/etc/ssh", false, false),
            ("/etc/cron.d", false, true), ("/etc/cron.d/x", true, true), ("/etc/cron.d/x/y", true, true),
            ("/srv/a/b", false, true), ("/srv/a/b/log", true, true), ("/var", false, false),
        ] as [(ByteString, Bool, Bool)] {
            #expect(paths.contains(path) == contains, "\(path)")
            #expect(paths.leads(path) == leads, "\(path)")
        }
    }

    @Test("a directory is expected on the way, but not behind a double star")
    func way() throws {
        let paths = try WatchedPaths(including: ["/srv/*/**/log"])
        #expect(paths.isOnTheWay("/srv") && paths.isOnTheWay("/srv/a"))
        #expect(!paths.isOnTheWay("/srv/a/b"))
        #expect(paths.leads("/srv/a/b"))
    }

    @Test("what is excluded is not watched")
    func excluded() throws {
        let paths = try WatchedPaths(including: ["/etc/**"], excluding: ["/etc/**/*.swp", "/etc/mtab"])
        #expect(paths.contains("/etc/passwd"))
        #expect(!paths.contains("/etc/mtab"))
        #expect(!paths.contains("/etc/x/.a.swp"))
    }

    @Test("a pattern that begins with a link is watched by the real directory too")
    func links() throws {
        let paths = try WatchedPaths(including: ["/lib/systemd/*.service", "/lib/none/**"]) { path in
            path == "/lib" ? "/usr/lib*" : path == "/lib/systemd" ? "/usr/lib*/systemd" : nil
        }
        #expect(paths.contains("/lib/systemd/a.service"))
        #expect(paths.contains("/usr/lib*/systemd/a.service"))
        #expect(!paths.contains("/usr/lib64/systemd/a.service"))
        #expect(paths.contains("/usr/lib*/none/x"))
        #expect(paths.leads("/usr/lib*/systemd") && paths.leads("/usr"))
    }

    @Test("a pattern that cannot be watched is refused with the pattern", arguments: ["etc/passwd", "", "/a/[b"])
    func refused(_ pattern: String) {
        #expect { _ = try WatchedPaths(including: [pattern]) } throws: { error in
            (error as? WatchedPathsError)?.pattern == pattern
        }
    }

    @Test("the default list is well formed and has what decides who is root")
    func defaults() throws {
        let paths = try WatchedPaths(including: WatchedPaths.defaults.flatMap(\.patterns))
        for path in [
            "/etc/passwd", "/etc/shadow", "/etc/sudoers.d/x", "/etc/ld.so.preload", "/etc/pam.d/sshd",
            "/home/a/.ssh/authorized_keys", "/root/.ssh/authorized_keys", "/etc/cron.daily/x",
            "/var/spool/cron/crontabs/root",
            "/etc/systemd/system/a.service", "/etc/profile.d/x.sh", "/root/.bashrc", "/etc/modprobe.d/x.conf",
            "/etc/rc.local", "/etc/tocsin/rules/x.yml",
        ] as [ByteString] {
            #expect(paths.contains(path), "\(path)")
        }
        #expect(!paths.contains("/etc/mtab"))
        #expect(!paths.leads("/home/a/src") && !paths.leads("/tmp"))
    }
}
