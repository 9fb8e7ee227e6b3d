import CTocsinLinux
import Glibc

/// What this process does with memory that it has used and does not need any more.
package enum ProcessMemory {
    /// Sets up the heap (`mallopt(3)`). To be called once, while there is one thread.
    package static func configureHeap() {
        // One heap for all threads: what a source's thread makes is freed by the event loop. In heaps of their own each
        // would keep what a storm left in it.
        mallopt(M_ARENA_MAX, 1)
        // Setting them also keeps glibc from raising them, to 32 and 64 MiB, as soon as one large block was freed.
        mallopt(M_MMAP_THRESHOLD, 128 << 10)
        mallopt(M_TRIM_THRESHOLD, 128 << 10)
    }

    /// Gives pages of the heap that hold nothing back to the kernel: `free(3)` does so with those at its end only.
    package static func trimHeap() { malloc_trim(0) }

    /// Lets go of pages of program and libraries: what is used again is found in the page cache.
    ///
    /// The dynamic linker and the Swift runtime have touched nearly all of them at the start, and most are never needed
    /// again. Where this cannot be done nothing is lost.
    package static func dropCode() {
        guard let file = try? FileDescriptor.open("/proc/self/smaps"),
            let text = try? file.readToEnd(limit: 4 << 20, hint: 256 << 10)
        else { return }
        // Other mappings may be gone by now, and their addresses be another thread's memory.
        for region in MemoryRegion.table(parsing: text)
        where region.isUnchangedFile && tocsin_is_loaded(region.start, region.end) != 0 {
            madvise(UnsafeMutableRawPointer(bitPattern: region.start), Int(region.end - region.start), MADV_DONTNEED)
        }
    }
}

/// One mapping of `/proc/PID/smaps` (`proc_pid_smaps(5)`).
package struct MemoryRegion: Hashable, Sendable {
    package var start: UInt
    package var end: UInt
    package var isWritable: Bool
    package var isPrivate: Bool
    package var path: [UInt8]
    /// Kilobytes that are this process's own: for a private mapping of a file, what was written to.
    package var anonymousKiB: UInt64
    /// Of these, what is in memory no more.
    package var swappedKiB: UInt64

    /// Whether all that it holds can be had from its file again. A breakpoint of a debugger or a tracer is a change,
    /// too.
    package var isUnchangedFile: Bool {
        isPrivate && !isWritable && path.first == UInt8(ascii: "/") && anonymousKiB == 0 && swappedKiB == 0
    }

    /// All that can be read.
    package static func table(parsing bytes: [UInt8]) -> [MemoryRegion] {
        var regions: [MemoryRegion] = []
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 5)
            if let region = MemoryRegion(heading: fields) {
                regions.append(region)
            } else if fields.count >= 2, !regions.isEmpty {
                // Unreadable: take it for changed.
                let count = UInt64(decimal: fields[1]) ?? .max
                if fields[0].elementsEqual("Anonymous:".utf8) { regions[regions.endIndex - 1].anonymousKiB = count }
                if fields[0].elementsEqual("Swap:".utf8) { regions[regions.endIndex - 1].swappedKiB = count }
            }
        }
        return regions
    }

    /// `START-END PERMISSIONS OFFSET DEVICE INODE PATH`
    private init?(heading fields: [ArraySlice<UInt8>]) {
        guard fields.count >= 5, fields[1].count == 4 else { return nil }
        let bounds = fields[0].split(separator: UInt8(ascii: "-"))
        guard bounds.count == 2, let start = UInt(String(decoding: bounds[0], as: UTF8.self), radix: 16),
            let end = UInt(String(decoding: bounds[1], as: UTF8.self), radix: 16), start < end
        else { return nil }
        let permissions = Array(fields[1])
        self.start = start
        self.end = end
        isWritable = permissions[1] == UInt8(ascii: "w")
        isPrivate = permissions[3] == UInt8(ascii: "p")
        path = fields.count > 5 ? Array(fields[5].drop { $0 == UInt8(ascii: " ") }) : []
        (anonymousKiB, swappedKiB) = (.max, .max)
    }
}
