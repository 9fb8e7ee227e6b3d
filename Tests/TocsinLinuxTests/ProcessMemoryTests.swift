import Testing
import TocsinLinux

struct ProcessMemoryTests {
    private static let smaps = """
        55d0c0a00000-55d0c1c9a000 r-xp 00000000 fe:00 1234                       /usr/bin/a program
        Size:              19048 kB
        Anonymous:             0 kB
        Swap:                  0 kB
        VmFlags: rd ex mr mw me sd
        55d0c1c9a000-55d0c1d1b000 r--p 01299000 fe:00 1234                       /usr/bin/a program
        Anonymous:           516 kB
        Swap:                  0 kB
        55d0c1d1a000-55d0c1d1b000 r--p 01299000 fe:00 1234                       /usr/bin/a program
        Anonymous:             0 kB
        Swap:                  4 kB
        55d0c1d1b000-55d0c1f66000 rw-p 0131a000 fe:00 1234                       /usr/bin/a program
        Anonymous:             0 kB
        Swap:                  0 kB
        55d0c1f66000-55d0c2006000 rw-p 00000000 00:00 0 
        Anonymous:             8 kB
        7f0000000000-7f0002000000 r--s 00000000 00:01 1025                       /memfd:tocsin-log (deleted)
        Anonymous:             0 kB
        Swap:                  0 kB
        7ffd5a3f2000-7ffd5a3f4000 r-xp 00000000 00:00 0                          [vdso]
        Anonymous:             0 kB
        Swap:                  0 kB
        7ffd5b000000-7ffd5b001000 r-xp 00000000 fe:00 99                         /lib/said-nothing.so

        """

    @Test("of the mappings, only files that nobody wrote to, even what is swapped, and nobody may, can be had again")
    func regions() {
        let regions = MemoryRegion.table(parsing: Array(Self.smaps.utf8))
        #expect(regions.map(\.isUnchangedFile) == [true, false, false, false, false, false, false, false])
        #expect(regions[0].start == 0x55d0_c0a0_0000 && regions[0].end == 0x55d0_c1c9_a000)
        #expect(regions[0].path == Array("/usr/bin/a program".utf8))
        #expect(regions[1].anonymousKiB == 516 && regions[4].path.isEmpty)
        #expect(MemoryRegion.table(parsing: Array("no table\nat all: 1 kB\n".utf8)).isEmpty)
    }

    /// Kilobytes of files that are in memory for this process.
    private func residentFiles() throws -> UInt64 {
        let text = try FileDescriptor.open("/proc/self/status").readToEnd(limit: 64 << 10)
        let line = try #require(
            String(decoding: text, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("RssFile:") })
        return try #require(line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { UInt64($0) })
    }

    @Test("code that was let go takes no memory until it runs again, and then is what it was")
    func dropping() throws {
        let before = try residentFiles()
        ProcessMemory.dropCode()
        let after = try residentFiles()
        #expect(after < before)
        ProcessMemory.trimHeap()
        regions()
    }
}
