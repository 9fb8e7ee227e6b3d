import Benchmark
import CAllocations

/// Allocations of a thousand things measured: a metric holds whole numbers only.
let allocationsPerThousand = BenchmarkMetric.custom("allocationsPerThousand", useScalingFactor: false)

/// Measures `count` things as one sample, so that reading the clock does not count. The name tells `count` to whoever
/// reads the exported samples.
///
/// - Parameter prepare: makes what a sample needs, once; it returns what does the things.
func measure(_ name: String, count: Int, _ prepare: @escaping () -> (_ count: Int) -> Void) {
    let configuration = Benchmark.Configuration(
        metrics: [.wallClock, .throughput, allocationsPerThousand], warmupIterations: 10, maxDuration: .seconds(2),
        maxIterations: 2_000)
    var prepared: ((Int) -> Void)?
    Benchmark("\(name) x\(count)", configuration: configuration) { benchmark in
        if prepared == nil { prepared = prepare() }
        guard let body = prepared else { return }
        let before = allocation_count()
        benchmark.startMeasurement()
        body(count)
        benchmark.stopMeasurement()
        benchmark.measurement(allocationsPerThousand, Int(allocation_count() - before) * 1_000 / count)
    }
}
