import Glibc

/// A section of a BTF, of which one page is in memory.
struct BTFSection {
    private let read: BTFReader.Read
    private let start: Int
    let byteCount: Int
    private var page: [UInt8] = []
    private var pageStart = 0

    init(_ read: @escaping BTFReader.Read, at start: Int, byteCount: Int) {
        self.read = read
        self.start = start
        self.byteCount = byteCount
    }

    mutating func word(at offset: Int) throws(UnreadableBTF) -> UInt32 {
        if offset < pageStart || offset + 4 > pageStart + page.count { try turn(to: offset, atLeast: 4) }
        return page.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset - pageStart, as: UInt32.self) }
    }

    /// The page that begins there.
    private mutating func turn(to offset: Int, atLeast count: Int) throws(UnreadableBTF) {
        guard offset >= 0, offset + count <= byteCount else { throw UnreadableBTF() }
        page = read(start + offset, min(4096, byteCount - offset))
        pageStart = offset
        guard page.count >= count else { throw UnreadableBTF() }
    }

    /// One that is longer than a page is none: the kernel's names end before 512 bytes.
    mutating func string(at offset: Int) throws(UnreadableBTF) -> [UInt8] {
        if let string = stringInPage(at: offset) { return string }
        try turn(to: offset, atLeast: 1)
        guard let string = stringInPage(at: offset) else { throw UnreadableBTF() }
        return string
    }

    private func stringInPage(at offset: Int) -> [UInt8]? {
        guard offset >= pageStart, offset < pageStart + page.count else { return nil }
        return page.withUnsafeBytes { bytes in
            let rest = UnsafeRawBufferPointer(rebasing: bytes[(offset - pageStart)...])
            return rest.upToFirstNUL.map { Array($0) }
        }
    }

    /// Where the strings are that are names of these types.
    mutating func offsets(of wanted: TypeNames) throws(UnreadableBTF) -> Set<UInt32> {
        var found: Set<UInt32> = []
        var offset = 0
        while offset < byteCount {
            try turn(to: offset, atLeast: 1)
            let whole = page.withUnsafeBytes { bytes in
                var rest = UnsafeRawBufferPointer(rebasing: bytes[...])
                while let name = rest.upToFirstNUL {
                    if wanted.contains(name) {
                        found.insert(UInt32(truncatingIfNeeded: offset + bytes.count - rest.count))
                    }
                    rest = UnsafeRawBufferPointer(rebasing: rest[(name.count + 1)...])
                }
                return bytes.count - rest.count
            }
            guard whole > 0 else { throw UnreadableBTF() }
            offset += whole
        }
        return found
    }
}

extension UnsafeRawBufferPointer {
    /// nil where there is no NUL.
    fileprivate var upToFirstNUL: UnsafeRawBufferPointer? {
        guard let start = baseAddress, let end = memchr(start, 0, count) else { return nil }
        return UnsafeRawBufferPointer(start: start, count: UnsafeRawPointer(end) - start)
    }
}
