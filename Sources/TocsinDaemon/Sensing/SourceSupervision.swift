import TocsinSensors

/// Decides which of several candidate sources runs, and what follows when one fails. Pure: the caller opens, runs
/// and waits.
///
/// The candidates stand best first. The first that can be opened runs. One that fails while it runs is tried again,
/// and where it cannot be opened any more the next replaces it, so that something watches as long as anything can.
/// Failures in quick succession are spaced out.
struct SourceSupervision {
    /// What the caller does next; it then reports with `opened`, `refused`, `ended` or `waited`.
    enum Action: Hashable {
        case open(candidate: Int)
        case run(candidate: Int)
        case wait(Duration)
    }

    static let firstPause = Duration.seconds(1)
    static let longestPause = Duration.seconds(60)
    /// A run this long is a success: the next failure starts again with the first pause.
    static let steadyRun = Duration.seconds(30)

    private let candidates: Int
    private var pause = Self.firstPause

    /// - Precondition: there is a candidate.
    init(candidates: Int) {
        precondition(candidates > 0)
        self.candidates = candidates
    }

    func start() -> Action { .open(candidate: 0) }

    func opened(candidate: Int) -> Action { .run(candidate: candidate) }

    /// The candidate cannot work now: the next may, and if none does, all are tried again later.
    mutating func refused(candidate: Int) -> Action {
        guard candidate + 1 < candidates else { return .wait(nextPause()) }
        return .open(candidate: candidate + 1)
    }

    /// The candidate was running and failed.
    mutating func failed(afterRunning time: Duration) -> Action {
        guard time < Self.steadyRun else {
            pause = Self.firstPause
            return .open(candidate: 0)
        }
        return .wait(nextPause())
    }

    func waited() -> Action { .open(candidate: 0) }

    private mutating func nextPause() -> Duration {
        defer { pause = min(pause * 2, Self.longestPause) }
        return pause
    }
}
