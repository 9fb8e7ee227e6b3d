import Benchmark

let benchmarks: @Sendable () -> Void = {
    encodingBenchmarks()
    deliveryBenchmarks()
    ruleBenchmarks()
}
