import Testing
import TocsinSensors

@Suite struct CgroupPathTests {
    static let id = "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970"
    static let other = String(id.reversed())

    @Test(
        "the unit is the one that the machine's own systemd runs",
        arguments: [
            ("/", nil),
            ("/init.scope", "init.scope"),
            ("/system.slice/nginx.service", "nginx.service"),
            ("/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service"),
            ("/system.slice/_cpu.service", "cpu.service"),
            ("/user.slice/user-1000.slice/session-2.scope", "session-2.scope"),
            ("/user.slice/user-1000.slice/user@1000.service/app.slice/sshd.service", "user@1000.service"),
            ("/system.slice/docker-\(id).scope", "docker-\(id).scope"),
            ("/system.slice/postgresql.service/worker", "postgresql.service"),
            ("/system.slice", nil),
            ("/docker/\(id)", nil),
            ("/mine/nginx.service", nil),
        ] as [(String, String?)])
    func unit(_ path: String, _ unit: String?) {
        #expect(CgroupPath(parsing: path.utf8).unit == unit)
    }

    @Test(
        "the container is found in the group names of each runtime",
        arguments: [
            ("/", nil),
            ("/docker/\(id)", id),
            ("/system.slice/docker-\(id).scope", id),
            ("/docker/\(id)/docker/\(other)", id),
            ("/machine.slice/libpod-\(id).scope/container", id),
            ("/machine.slice/libpod-conmon-\(id).scope", nil),
            ("/libpod_parent/libpod-\(id)", id),
            ("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-\(id).scope", id),
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod7e44ee88.slice/cri-containerd-\(id).scope",
                id
            ),
            ("/kubepods/burstable/pod7e44ee88-1e65-4a16-8cdf-9a90c819180e/\(id)", id),
            ("/kubepods.slice/kubepods-pod1.slice/crio-\(id).scope", id),
            ("/kubepods.slice/kubepods-pod1.slice/crio-conmon-\(id).scope", nil),
            ("/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:\(id)", id),
            ("/default/\(id)", id),
            ("/machine.slice/machine-web.scope/payload/system.slice/nginx.service", "web"),
            ("/lxc.payload.web/system.slice", "web"),
            ("/lxc/web", "web"),
            ("/docker/\(id.dropLast())", nil),
            ("/docker/\(id.uppercased())", nil),
            ("/system.slice/machine-id-commit.service", nil),
        ] as [(String, String?)])
    func container(_ path: String, _ container: String?) {
        #expect(CgroupPath(parsing: path.utf8).container == container)
    }

    @Test(
        "the version 2 path is taken, or systemd's own where version 2 is idle",
        arguments: [
            ("0::/system.slice/a.service\n", "/system.slice/a.service"),
            ("9:name=systemd:/old\n4:memory:/x\n0::/new\n", "/new"),
            ("9:name=systemd:/system.slice/a.service\n4:memory:/x\n0::/\n", "/system.slice/a.service"),
            ("9:name=systemd:/system.slice/a.service\n4:memory:/x\n", "/system.slice/a.service"),
            ("9:name=systemd:/\n0::/\n", "/"),
            ("0::/with:colon:s\n", "/with:colon:s"),
            ("4:memory:/x\n", nil),
            ("", nil),
        ] as [(String, String?)])
    func line(_ text: String, _ path: String?) {
        #expect(CgroupPath.path(ofProcess: Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) } == path)
    }
}
