internal import ArgumentParser
internal import Sigma
internal import SigmaTools
internal import TocsinLinux
internal import TocsinRules

/// Rules without a daemon: what it would load, what a rule says, which recorded events match.
struct Rules: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List, show, check and test Sigma rules.",
        discussion: """
            Reads rule files, not the daemon: what is listed here is what the daemon loads from the same files.

            EXAMPLES
              tocsin rules check ~/sigma/rules/linux
                                                   what of a checkout cannot be used here, and why; status 1 if any
              tocsin rules show f991813c-a062-4b9d-890f-a063cd042b6f
              tocsin rules test --rules my-rule.yml recorded.jsonl
            """,
        subcommands: [RulesList.self, RulesShow.self, RulesCheck.self, RulesTest.self])
}

/// Where rules are read from.
private enum RulePaths {
    static let standard = "/etc/tocsin/rules"

    /// As the daemon loads them; of the standard directory, where none is named.
    static func load(_ paths: [String]) throws -> RuleSet {
        var collection = RuleCollection()
        for path in paths.isEmpty ? [standard] : paths {
            do throws(SystemError) {
                _ = try FileStatus.of(path)
            } catch  where error.isGone {
                // Not a rule that is refused: there is none.
                StandardOutput.complain(
                    "tocsin: \(ShellQuoting.phrase(path)): \(error.reason)"
                        + (paths.isEmpty ? "; name a rule file or directory" : ""))
                throw ExitStatus.failure.code
            } catch {}
            collection.add(path: path)
        }
        return RuleSet(collection, streams: EventStream.logSources)
    }
}

/// Rule files are somebody else's text.
private func writeLines(_ lines: [String]) throws(OutputError) {
    for line in lines { try StandardOutput.write(ShellQuoting.phrase(line) + "\n") }
}

struct RulesList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Print level, id and title of each rule that loads.")

    @Argument(help: ArgumentHelp("Rule files and directories.", valueName: "path"))
    var paths: [String] = []

    func run() async throws {
        try await reportingFailure {
            let report = RuleReport(try RulePaths.load(paths))
            try writeLines(report.listLines)
            if report.exitStatus != 0 {
                StandardOutput.complain("tocsin: some rules are refused; tocsin rules check tells which")
            }
        }
    }
}

struct RulesShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Print what a rule says about itself.",
        discussion: "A rule is named by its id or name; the path of a rule file shows all rules in it.")

    @Argument(help: ArgumentHelp("Id or name of a rule, or a path.", valueName: "rule"))
    var rule: String

    @Option(
        name: .customLong("rules"),
        help: ArgumentHelp("Rule file or directory to look in. May be repeated.", valueName: "path"))
    var paths: [String] = []

    func run() async throws {
        try await reportingFailure {
            // An id holds no slash, and a path given here is meant to be looked into.
            let isPath = rule.contains("/") || rule.hasSuffix(".yml") || rule.hasSuffix(".yaml")
            let rules = try RulePaths.load(isPath ? [rule] : paths)
            let report = RuleReport(rules)
            guard isPath else {
                guard let lines = report.showLines(rule) else {
                    StandardOutput.complain("tocsin: no rule has the id or name \(ShellQuoting.phrase(rule))")
                    throw ExitStatus.failure.code
                }
                return try writeLines(lines)
            }
            for (index, each) in (rules.rules + rules.notApplicable).enumerated() {
                if index > 0 { try StandardOutput.write("\n") }
                try writeLines(report.lines(of: each))
            }
            for refusal in rules.refusals { StandardOutput.complain(ShellQuoting.phrase(refusal.description)) }
            if report.exitStatus != 0 { throw ExitStatus.failure.code }
        }
    }
}

struct RulesCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Tell which rules load, and why the others do not.",
        discussion: """
            One line FILE:LINE:COLUMN: KIND: REASON for each refused rule, then a summary. Rules about other log \
            sources than this daemon's are not applicable, which is no error. Status 1 if a rule is refused.
            """)

    @Argument(help: ArgumentHelp("Rule files and directories.", valueName: "path"))
    var paths: [String] = []

    func run() async throws {
        try await reportingFailure {
            let report = RuleReport(try RulePaths.load(paths))
            try writeLines(report.checkLines)
            if report.exitStatus != 0 { throw ExitStatus.failure.code }
        }
    }
}

struct RulesTest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Tell which rules match recorded events.",
        discussion: """
            An event is a line {"id":…,"category":"process_creation","fields":{"Image":…}}; the answer is a line \
            {"id":…,"rules":[ids, sorted]}. Correlations are not evaluated: these events have no time. Status 1 if \
            a rule is refused or a line is no event.
            """)

    @Option(
        name: .customLong("rules"), help: ArgumentHelp("Rule file or directory. May be repeated.", valueName: "path"))
    var paths: [String]

    @Argument(help: ArgumentHelp("A file of events; - is standard input.", valueName: "events"))
    var events: String

    func run() async throws {
        try await reportingFailure {
            var collection = RuleCollection()
            for path in paths { collection.add(path: path) }
            var test = RuleTest(collection)
            for refusal in test.rules.refusals {
                StandardOutput.complain(ShellQuoting.phrase(refusal.description))
            }
            var failure: OutputError?
            let isSound = test.evaluate(file: events == "-" ? "/dev/stdin" : events) { line in
                guard failure == nil else { return }
                do throws(OutputError) { try StandardOutput.write(JSONLine.line(encoded: line)) } catch {
                    failure = error
                }
            } complaint: {
                StandardOutput.complain(ShellQuoting.phrase($0))
            }
            if let failure { throw failure }
            if !isSound || !test.rules.refusals.isEmpty { throw ExitStatus.failure.code }
        }
    }
}
