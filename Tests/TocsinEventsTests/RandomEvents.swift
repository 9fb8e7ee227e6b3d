import TestKit
import TocsinEvents

extension SeededGenerator {
    /// Every member present or absent by chance, text of any bytes but NUL.
    mutating func event() -> Event {
        let sequence = UInt64.random(in: 1...UInt64(Int64.max), using: &self)
        var event = Event(
            sequence: sequence, cursor: Cursor(instance: .random(in: .min ... .max, using: &self), sequence: sequence),
            type: perhaps { .unknown($0.string()) } ?? EventType.known.randomElement(using: &self) ?? .exec,
            realtimeUSec: count(), monotonicUSec: count())
        event.process = perhaps { $0.process() }
        event.ancestors = list { $0.process() }
        event.file = perhaps {
            File(path: $0.perhaps { $0.text() }, oldPath: $0.perhaps { $0.text() }, device: $0.bits(), inode: $0.bits())
        }
        event.detections = list {
            Detection(
                ruleID: $0.string(), title: $0.string(), severity: Severity.allCases.randomElement(using: &$0) ?? .low,
                tags: $0.list { $0.string() })
        }
        event.gap = perhaps {
            Gap(
                origin: Gap.Origin.allCases.randomElement(using: &$0) ?? .kernel, first: $0.perhaps { $0.count() },
                last: $0.perhaps { $0.count() }, count: $0.perhaps { $0.count() })
        }
        event.truncated = list { $0.string() }
        event.fullBytes = perhaps { Int.random(in: 0 ... .max, using: &$0) }
        return event
    }

    private mutating func process() -> Process {
        var process = Process(
            entityID: string(), pid: .random(in: .min ... .max, using: &self), startTimeNSec: count())
        process.parentPid = integer()
        process.processGroup = integer()
        process.uid = integer()
        process.gid = integer()
        process.effectiveUid = integer()
        process.effectiveGid = integer()
        process.loginUid = integer()
        process.auditSession = integer()
        process.tty = perhaps { $0.string() }
        process.comm = perhaps { $0.text() }
        process.executable = perhaps { $0.text() }
        process.executableDevice = bits()
        process.executableInode = bits()
        process.filename = perhaps { $0.text() }
        process.arguments = perhaps { Arguments($0.list { $0.text() }) }
        process.argumentsTruncated = .random(using: &self)
        process.workingDirectory = perhaps { $0.text() }
        process.cgroup = perhaps { $0.text() }
        process.unit = perhaps { $0.string() }
        process.container = perhaps { $0.string() }
        process.namespaces = perhaps {
            Process.Namespaces(pid: $0.count(), mount: $0.count(), network: $0.count(), user: $0.count())
        }
        process.flags = Process.ExecFlags(rawValue: .random(in: 0..<32, using: &self))
        process.gone = .random(using: &self)
        process.exitCode = integer()
        process.exitSignal = integer()
        process.runTimeNSec = perhaps { $0.count() }
        return process
    }

    private mutating func perhaps<Value>(_ value: (inout Self) -> Value) -> Value? {
        Bool.random(using: &self) ? value(&self) : nil
    }

    private mutating func list<Value>(_ value: (inout Self) -> Value) -> [Value] {
        (0..<Int.random(in: 0...3, using: &self)).map { _ in value(&self) }
    }

    private mutating func count() -> UInt64 { .random(in: 0...UInt64(Int64.max), using: &self) }
    private mutating func bits() -> UInt64? { perhaps { .random(in: .min ... .max, using: &$0) } }
    private mutating func integer<Integer: FixedWidthInteger>() -> Integer? {
        perhaps { .random(in: .min ... .max, using: &$0) }
    }

    private mutating func text() -> ByteString {
        if Bool.random(using: &self) { return ByteString(string()) }
        return ByteString((0..<Int.random(in: 0...12, using: &self)).map { _ in .random(in: 1...255, using: &self) })
    }

    /// Valid text that still needs escapes.
    private mutating func string() -> String {
        String(String.UnicodeScalarView(list { $0.scalar() } + list { $0.scalar() }))
    }

    private mutating func scalar() -> Unicode.Scalar {
        let range: ClosedRange<UInt32> =
            [1...0x7F, 0x80...0x7FF, 0x800...0xFFFF, 0x10000...0x10FFFF]
            .randomElement(using: &self) ?? 1...0x7F
        return Unicode.Scalar(UInt32.random(in: range, using: &self)) ?? "\u{FFFD}"
    }
}
