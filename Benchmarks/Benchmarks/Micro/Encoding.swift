import Benchmark
import JSON
import TocsinEvents

func encodingBenchmarks() {
    measure("encode an execution", count: 1_000) {
        let event = execution(cursor: Cursor(instance: 7, sequence: 1))
        var writer = JSONWriter(reservingCapacity: 4_096)
        return { count in
            for _ in 0..<count {
                writer.removeAll()
                writer.event(event)
            }
            blackHole(writer.count)
        }
    }
}
