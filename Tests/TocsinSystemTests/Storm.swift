import SystemdBox
import Testing
import TocsinClient
import TocsinEvents

/// Many events in a box, each of which can be told from all others whatever a source knows of it.
struct Storm {
    enum Work: Sendable, CustomTestStringConvertible {
        /// Processes one after the other, each of a program of its own name.
        case programs
        /// Files, each of which is made, renamed and removed.
        case files

        var testDescription: String { self == .programs ? "programs" : "files" }
        var types: [EventType] { self == .programs ? [.exec] : [.create, .rename, .delete] }

        /// What has to be told, as `Account` names it.
        func expected(_ count: Int) -> Set<String> {
            switch self {
            case .programs: Set((1...count).map { "exec \(Storm.directory)/\($0)" })
            case .files:
                Set(
                    (1...count).flatMap {
                        let file = "\(Storm.directory)/\($0)"
                        return ["create \(file)", "rename \(file)-", "delete \(file)-"]
                    })
            }
        }
    }

    static let directory = "/opt/storm"
    /// The end of the storm: a program that runs, or a file that is removed.
    static let last = directory + "/last"
    let work: Work
    let count: Int
    let box: SystemdBox

    init(_ work: Work, _ count: Int, in box: SystemdBox) throws {
        self.work = work
        self.count = count
        self.box = box
        // Programs are names of one file: nothing has to be read for the next.
        let script = """
            mkdir "\(Self.directory)"; system("cp", "/bin/true", "\(Self.directory)/last") and die;
            for (1..$ARGV[0]) { link("\(Self.directory)/last", "\(Self.directory)/$_") or die $! }
            """
        let made = try box.run("perl", "-e", script, work == .programs ? "\(count)" : "0")
        guard made.status == 0 else { throw TocsinBox.Failure(description: "\(made)") }
    }

    /// Has it happen, one after the other.
    func run(timeoutSeconds: Int) throws {
        let script =
            switch work {
            case .programs:
                """
                for (1..$ARGV[0], "last") {
                    my $pid = fork // die $!;
                    if (!$pid) { exec("\(Self.directory)/$_") or die $! }
                    waitpid($pid, 0);
                }
                """
            case .files:
                """
                for (1..$ARGV[0]) {
                    my $file = "\(Self.directory)/$_";
                    open(my $new, ">", $file) or die $!; close($new);
                    rename($file, "$file-") or die $!;
                    unlink("$file-") or die $!;
                    select(undef, undef, undef, 0.001);
                }
                unlink("\(Self.last)") or die $!;
                """
            }
        let ran = try box.run("perl", "-e", script, "\(count)", timeoutSeconds: timeoutSeconds)
        guard ran.status == 0 else { throw TocsinBox.Failure(description: "\(ran)") }
    }
}

/// What one subscriber was told of a storm.
struct Account: Sendable {
    /// By type and path: the numbers of the events that told of it.
    var told: [String: Set<UInt64>] = [:]
    /// Events given again under the number they had: to a member of a group that could not acknowledge in time.
    var givenAgain = 0
    var gaps: [Gap] = []
    var isComplete = false
    var failure: String?

    /// - Returns: whether that was the last.
    mutating func take(_ event: Event) -> Bool {
        if let gap = event.gap { gaps.append(gap) }
        guard let path = (event.file?.path ?? event.process?.executable)?.string,
            path.hasPrefix(Storm.directory + "/")
        else { return false }
        if !told["\(event.type.rawValue) \(path)", default: []].insert(event.sequence).inserted { givenAgain += 1 }
        isComplete = path == Storm.last && event.type != .create
        return isComplete
    }

    var summary: String {
        "\(told.count) told, \(doubled.count) twice, \(givenAgain) given again, gaps \(gaps.map(\.origin.rawValue))"
    }

    /// What happened once and was told under several numbers.
    var doubled: [String] { told.filter { $0.value.count > 1 }.keys.sorted() }
}
