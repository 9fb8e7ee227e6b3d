import SystemdBox
import TocsinClient
import TocsinEvents

/// Many short processes in a box, each of a program of its own name, so that every one can be told from all others
/// whatever a source knows of it.
struct Storm {
    static let directory = "/opt/storm"
    /// Runs when all others have ended.
    static let last = directory + "/last"
    let count: Int
    let box: SystemdBox

    init(_ count: Int, in box: SystemdBox) throws {
        self.count = count
        self.box = box
        // Names of one file: nothing has to be read for the next.
        let script = """
            mkdir "\(Self.directory)" or die; system("cp", "/bin/true", "\(Self.directory)/last") and die;
            for (1..$ARGV[0]) { link("\(Self.directory)/last", "\(Self.directory)/$_") or die $! }
            """
        let made = try box.run("perl", "-e", script, "\(count)")
        guard made.status == 0 else { throw TocsinBox.Failure(description: "\(made)") }
    }

    /// Starts them one after the other.
    func run(timeoutSeconds: Int) throws {
        let script = """
            for (1..$ARGV[0], "last") {
                my $pid = fork // die $!;
                if (!$pid) { exec("\(Self.directory)/$_") or die $! }
                waitpid($pid, 0);
            }
            """
        let ran = try box.run("perl", "-e", script, "\(count)", timeoutSeconds: timeoutSeconds)
        guard ran.status == 0 else { throw TocsinBox.Failure(description: "\(ran)") }
    }
}

/// What one subscriber was told of a storm.
struct Account: Sendable {
    /// By the name of the program: the numbers of the events that told of it.
    var told: [String: Set<UInt64>] = [:]
    /// Events given again under the number they had: to a member of a group that could not acknowledge in time.
    var givenAgain = 0
    var gaps: [Gap] = []
    var isComplete = false
    var failure: String?

    /// - Returns: whether that was the last.
    mutating func take(_ event: Event) -> Bool {
        if let gap = event.gap { gaps.append(gap) }
        guard event.type == .exec, let path = event.process?.executable?.string,
            path.hasPrefix(Storm.directory + "/")
        else { return false }
        if !told[path, default: []].insert(event.sequence).inserted { givenAgain += 1 }
        isComplete = path == Storm.last
        return isComplete
    }

    var summary: String {
        "\(told.count) programs, \(doubled.count) told twice, \(givenAgain) given again, gaps \(gaps.map(\.origin.rawValue))"
    }

    /// Programs that ran and that nobody told of.
    func lost(of count: Int) -> [Int] { (1...count).filter { told["\(Storm.directory)/\($0)"] == nil } }
    /// Programs that ran once and were told of under several numbers.
    var doubled: [String] { told.filter { $0.value.count > 1 }.keys.sorted() }
}
