import Testing
import TocsinEvents

struct ProcessDescriptionTests {
    @Test("a process is printed with all that is known of it, also with what it shares with others")
    func printed() {
        var process = Process(entityID: "entity", pid: 1, startTimeNSec: 1)
        process.executable = "/usr/bin/curl"
        process.arguments = ["curl", "--silent"]
        process.cgroup = "/system.slice/x.service"
        var dumped = ""
        dump(process, to: &dumped)
        for text in [String(describing: process), dumped] {
            for known in ["/usr/bin/curl", "--silent", "/system.slice/x.service"] { #expect(text.contains(known)) }
        }
        #expect(process.arguments.map { "\($0)" } == "[curl, --silent]")
    }
}
