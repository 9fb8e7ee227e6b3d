import Glibc
import Testing
import TocsinLinux

@Suite final class DoorbellTests {
    private let ends: FileDescriptor.Pipe

    init() throws { ends = try FileDescriptor.pipe() }

    @Test("rings once for what comes after it was armed")
    func rings() throws {
        var doorbell = try Doorbell(for: ends.reader)
        let bell = try doorbell.duplicateDescriptor()
        try doorbell.arm()
        try expect(bell, hasRung: false)
        try ends.writer.writeAll([1])
        try expect(bell, hasRung: true)
        try ends.writer.writeAll([2])
        try expect(bell, hasRung: false)
    }

    @Test("rings at once for what came between the answer and the arming")
    func ringsForEarlier() throws {
        var doorbell = try Doorbell(for: ends.reader)
        let bell = try doorbell.duplicateDescriptor()
        try ends.writer.writeAll([1])
        try doorbell.arm()
        try expect(bell, hasRung: true)
        doorbell.answer()
        try ends.writer.writeAll([2])
        try expect(bell, hasRung: false)
        try doorbell.arm()
        try expect(bell, hasRung: true)
    }

    @Test("does not ring for what was read")
    func ringsForUnread() throws {
        var doorbell = try Doorbell(for: ends.reader)
        let bell = try doorbell.duplicateDescriptor()
        for byte in UInt8(0)..<3 {
            try doorbell.arm()
            try expect(bell, hasRung: false)
            try ends.writer.writeAll([byte])
            try expect(bell, hasRung: true)
            doorbell.answer()
            _ = try withUnsafeTemporaryAllocation(byteCount: 8, alignment: 8) { try ends.reader.read(into: $0) }
        }
    }

    @Test("does not ring for what is only still there, where that was forgotten")
    func ringsForEdges() throws {
        var doorbell = try Doorbell(for: ends.reader)
        let bell = try doorbell.duplicateDescriptor()
        try ends.writer.writeAll([1])
        for _ in 0..<3 {
            try doorbell.arm()
            _ = try hasRung(bell)
            doorbell.answer()
        }
        try doorbell.forgetEdges()
        try doorbell.arm()
        try expect(bell, hasRung: false)
    }

    @Test("is armed and answered more often than a context of the kernel has places")
    func goesOn() throws {
        var doorbell = try Doorbell(for: ends.reader)
        let bell = try doorbell.duplicateDescriptor()
        for byte in 0..<2000 {
            // Again changes nothing.
            try doorbell.arm()
            try doorbell.arm()
            try ends.writer.writeAll([UInt8(byte & 0xFF)])
            let isHeard = try hasRung(bell)
            try #require(isHeard)
            doorbell.answer()
            doorbell.answer()
        }
    }

    private func expect(
        _ bell: borrowing FileDescriptor, hasRung expected: Bool, at location: SourceLocation = #_sourceLocation
    ) throws {
        let actual = try hasRung(bell)
        #expect(actual == expected, sourceLocation: location)
    }

    /// Waits for nothing: the kernel rings before the write returns.
    private func hasRung(_ bell: borrowing FileDescriptor) throws -> Bool {
        try withUnsafeTemporaryAllocation(byteCount: 8, alignment: 8) { try bell.read(into: $0) } == 8
    }
}
