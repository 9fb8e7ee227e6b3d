/// What the path of a control group says about the processes in it: the systemd unit and the container.
///
/// The names are conventions of those who make the groups, not of the kernel. The outermost name counts: it was made
/// by this machine's own managers, while whoever a group was delegated to, a user's service manager or a container,
/// may name groups below it as he likes.
package struct CgroupPath: Hashable, Sendable {
    /// As `systemctl` of the machine knows it, the answer of sd_pid_get_unit(3): `nginx.service`, `session-2.scope`.
    package var unit: String?
    /// 64 hexadecimal digits of docker, podman, containerd or cri-o; the name of an LXC or systemd-nspawn container.
    package var container: String?

    /// `path` as in /proc/PID/cgroup, beginning with `/`.
    package init(parsing path: some Collection<UInt8>) {
        let components = path.split(separator: UInt8(ascii: "/")).map { Array($0) }
        if let name = components.map({ Self.unescape($0[...]) }).first(where: { !$0.hasSuffix(".slice") }),
            Self.unitSuffixes.contains(where: name.hasSuffix)
        {
            unit = String(decoding: name, as: UTF8.self)
        }
        var parent: ArraySlice<UInt8> = []
        for component in components {
            if let id = Self.container(component[...], in: parent) {
                container = String(decoding: id, as: UTF8.self)
                break
            }
            parent = component[...]
        }
    }

    // MARK: Unit

    /// The units that have groups, but for slices, which are directories of units.
    private static let unitSuffixes: [StaticString] = [".service", ".scope", ".socket", ".mount", ".swap"]

    /// systemd writes `_` before a name that the kernel could take for a file of its own.
    private static func unescape(_ name: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        name.first == UInt8(ascii: "_") ? name.dropFirst() : name
    }

    // MARK: Container

    /// Runtimes that write their name before the id: `docker-ID.scope` is the systemd driver of docker, `libpod-ID`
    /// the cgroupfs driver of podman. A name with more in between, as `libpod-conmon-ID.scope`, is the monitor, which
    /// runs outside of the container.
    private static let prefixes: [StaticString] = [
        "docker-", "libpod-", "libpod-payload-", "cri-containerd-", "containerd-", "nerdctl-", "crio-",
    ]

    private static func container(_ name: ArraySlice<UInt8>, in parent: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let stem = name.hasSuffix(".scope") ? name.dropLast(".scope".utf8.count) : name
        // docker/ID, kubepods/burstable/podUID/ID, and whatever else the cgroupfs driver is told to use as parent.
        if isContainerID(stem) { return stem }
        for prefix in prefixes {
            if let id = stem.removingPrefix(prefix), isContainerID(id) { return id }
        }
        // containerd given a systemd-style path without its systemd driver: kubepods-podUID.slice:cri-containerd:ID.
        if let colon = stem.lastIndex(of: UInt8(ascii: ":")), isContainerID(stem[(colon + 1)...]) {
            return stem[(colon + 1)...]
        }
        if let machine = stem.removingPrefix("machine-"), stem.count < name.count { return machine }
        if let lxc = name.removingPrefix("lxc.payload.") { return lxc }
        return parent.elementsEqual("lxc".utf8) ? name : nil
    }

    private static func isContainerID(_ text: ArraySlice<UInt8>) -> Bool {
        text.count == 64
            && text.allSatisfy { (0x30...0x39).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0) }
    }
}

extension CgroupPath {
    /// The path in the text of `/proc/PID/cgroup` (`cgroups(7)`): of the line `0::`, the version 2 hierarchy.
    ///
    /// Where version 2 is not mounted or not in use its path is `/` for every process. Then the hierarchy that systemd
    /// keeps for itself, `name=systemd`, has the same groups.
    package static func path(ofProcess text: [UInt8]) -> ArraySlice<UInt8>? {
        var unified: ArraySlice<UInt8>?
        var named: ArraySlice<UInt8>?
        for line in text.split(separator: UInt8(ascii: "\n")) {
            // A path may hold colons, so only the first two separate.
            guard let number = line.firstIndex(of: UInt8(ascii: ":")),
                let controllers = line[(number + 1)...].firstIndex(of: UInt8(ascii: ":"))
            else { continue }
            let path = line[(controllers + 1)...]
            switch line[(number + 1)..<controllers] {
            case let name where name.isEmpty: unified = path
            case let name where name.elementsEqual("name=systemd".utf8): named = path
            default: break
            }
        }
        let root = [UInt8(ascii: "/")]
        if let unified, !unified.elementsEqual(root) { return unified }
        if let named, !named.elementsEqual(root) { return named }
        return unified ?? named
    }
}

extension ArraySlice<UInt8> {
    fileprivate func hasSuffix(_ suffix: StaticString) -> Bool {
        suffix.withUTF8Buffer { self.suffix($0.count).elementsEqual($0) }
    }

    fileprivate func removingPrefix(_ prefix: StaticString) -> ArraySlice<UInt8>? {
        prefix.withUTF8Buffer { starts(with: $0) ? dropFirst($0.count) : nil }
    }
}
