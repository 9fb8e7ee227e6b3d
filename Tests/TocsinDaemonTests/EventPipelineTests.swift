import Logging
import NIOPosix
import Testing
import TocsinDelivery
import TocsinEvents
import TocsinLinux
import TocsinSensors
import TocsinSystemd

@testable import TocsinDaemon

struct EventPipelineTests {
    /// A process's pipeline; what it logs is the service's.
    private static func pipeline(_ service: EventService) throws -> EventPipeline {
        let journal = try JournalWriter(identifier: "test", destination: .standardError)
        return EventPipeline(
            service: service,
            journal: EventJournal(writer: journal, logger: Logger(label: "test"), Configuration()),
            reader: try ProcessReader(), exclusion: EventExclusion(Configuration()))
    }

    private static func record(_ body: SensorRecord.Body, at position: UInt64) -> SensorRecord {
        SensorRecord(
            realtimeUSec: 1, monotonicUSec: TocsinLinux.Clock.monotonicUSec(), body: body, position: position)
    }

    @Test(
        "what a killed process had logged and its successor reads again is not told again: neither events nor gaps",
        arguments: [SourceName.ebpf, .fanotify, .files])
    func toldOnce(_ source: SourceName) throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        try loop.submit {
            let memory = EventLogMemory(byteCount: 1 << 20)
            let service = try EventService(
                on: loop, delivery: Delivery(log: try EventLog(memory: memory, instance: 1)),
                access: SocketAccess(), heap: RestingHeap(on: loop))
            // Of a process that does not exist: its number is the highest there can be. Positions of events count bytes,
            // or events; those of the probes' gaps count what is missing.
            func told(_ pipeline: inout EventPipeline, _ position: UInt64, gap count: UInt64? = nil) -> UInt64 {
                let before = service.nextSequence
                let body: SensorRecord.Body =
                    if let count {
                        .gap(count: count)
                    } else {
                        .process(.exec, Process(entityID: "\(position)", pid: 4_194_303, startTimeNSec: position))
                    }
                pipeline.take(Self.record(body, at: position), from: source)
                return service.nextSequence - before
            }
            var first = try Self.pipeline(service)
            first.begin(source)
            #expect(told(&first, 0) == 1 && told(&first, 800) == 1 && told(&first, 900, gap: 5) == 1)

            var second = try Self.pipeline(service)
            second.begin(source)
            #expect(told(&second, 0) == 0 && told(&second, 800) == 0 && told(&second, 900, gap: 5) == 0)
            #expect(told(&second, 1600) == 1 && told(&second, 1700, gap: 7) == 1)

            // Positions of another queue begin anew.
            for origin in SourceOrigin.all(of: source) { service.forgetPosition(ofSource: origin) }
            var third = try Self.pipeline(service)
            third.begin(source)
            #expect(told(&third, 0) == 1 && told(&third, 1, gap: 1) == 1)
        }.wait()
    }

    @Test("of a gap that grew after a killed process had told a part of it, the rest is told")
    func grownGap() throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        try loop.submit {
            let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
            defer { bytes.deallocate() }
            bytes.initializeMemory(as: UInt8.self, repeating: 0)
            let memory = EventLogMemory(adopting: bytes.baseAddress!, byteCount: bytes.count) { _, _ in }
            let service = try EventService(
                on: loop, delivery: Delivery(log: try EventLog(memory: memory, instance: 1)),
                access: SocketAccess(), heap: RestingHeap(on: loop))
            var pipeline = try Self.pipeline(service)
            func text(_ sequence: UInt64) throws -> String {
                let base = UnsafeMutableRawPointer.allocate(byteCount: bytes.count, alignment: 4096)
                base.copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
                let copy = EventLogMemory(adopting: base, byteCount: bytes.count) { base, _ in base.deallocate() }
                return String(decoding: try EventLog(resuming: copy).bytes(of: sequence), as: UTF8.self)
            }
            func lost(after before: UInt64, _ count: UInt64, until total: UInt64) throws -> UInt64? {
                let (lost, next) = (pipeline.statistics.lostKernel, service.nextSequence)
                pipeline.take(Self.record(.gap(count: count, after: before), at: total), from: .ebpf)
                guard service.nextSequence > next else { return nil }
                let told = pipeline.statistics.lostKernel - lost
                #expect(try text(next).contains("\"count\":\(told)}"))
                return told
            }
            pipeline.begin(.ebpf)
            #expect(try lost(after: 0, 5, until: 5) == 5)
            pipeline.begin(.ebpf)
            #expect(try lost(after: 0, 5, until: 5) == nil)
            // The kernel counts on, and one record more could not be read.
            #expect(try lost(after: 0, 13, until: 12) == 8)
            #expect(try lost(after: 12, 3, until: 15) == 3)
            pipeline.begin(.ebpf)
            // Nothing but records that could not be read came to the gap.
            #expect(try lost(after: 12, 5, until: 15) == 2)
        }.wait()
    }
}
