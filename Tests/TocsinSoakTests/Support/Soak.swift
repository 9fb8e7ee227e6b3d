import Glibc

/// How much the scenarios do: what the normal suite can afford, or minutes of it (`make soak`).
enum Soak {
    static let isFull = getenv("TOCSIN_SOAK").map { String(cString: $0) } == "1"
    static let reason: String = "takes long or disturbs the machine: make soak"

    static func scaled<Number>(_ cheap: Number, full: Number) -> Number { isFull ? full : cheap }

    /// One line for each scenario, at once: what was done, and what it cost.
    static func report(_ scenario: String, _ facts: String) {
        let line = Array("soak: \(scenario): \(facts)\n".utf8)
        _ = write(STDOUT_FILENO, line, line.count)
    }

    /// Waits for a condition that is owed, asking again and again; false if it does not come.
    static func eventually(
        within limit: Duration = .seconds(60), _ condition: () async throws -> Bool
    ) async throws -> Bool {
        let end = ContinuousClock.now + limit
        while try await !condition() {
            guard ContinuousClock.now < end else { return false }
            try await Task.sleep(for: .milliseconds(10))
        }
        return true
    }
}
