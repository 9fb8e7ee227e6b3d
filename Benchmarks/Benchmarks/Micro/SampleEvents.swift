import TocsinEvents

/// An execution with every member a good source fills, of ordinary lengths: about 900 bytes encoded.
func execution(sequence: UInt64 = 1, cursor: Cursor) -> Event {
    var process = Process(entityID: "3f2a9c1e5b7d4860-18442-905113870000", pid: 18_442, startTimeNSec: 905_113_870_000)
    process.parentPid = 18_401
    process.processGroup = 18_442
    process.uid = 1000
    process.gid = 1000
    process.effectiveUid = 1000
    process.effectiveGid = 1000
    process.loginUid = 1000
    process.auditSession = 3
    process.tty = "pts/0"
    process.comm = ByteString("git")
    process.executable = ByteString("/usr/bin/git")
    process.executableDevice = 66_306
    process.executableInode = 1_442_911
    process.filename = ByteString("/usr/bin/git")
    process.arguments = ["git", "log", "--oneline", "--decorate", "--max-count=20", "origin/main"]
    process.workingDirectory = ByteString("/home/alice/projects/tocsin")
    process.cgroup = ByteString("/user.slice/user-1000.slice/session-3.scope")
    process.unit = "session-3.scope"
    process.namespaces = Process.Namespaces(
        pid: 4_026_531_836, mount: 4_026_531_841, network: 4_026_531_840, user: 4_026_531_837)
    return Event(
        sequence: sequence, cursor: cursor, type: .exec, realtimeUSec: 1_763_856_000_000_000 + sequence,
        monotonicUSec: 905_113_870 + sequence, process: process)
}
