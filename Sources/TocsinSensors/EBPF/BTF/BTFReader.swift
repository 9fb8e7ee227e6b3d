import Glibc

/// The bytes are no BTF, or a newer one than this reads, or cannot be read.
package struct UnreadableBTF: Error {}

/// Reads a BTF where it is (the kernel's Documentation/bpf/btf.rst): a header, the section of types, the section of
/// their names. A type is known by its number, which is its place in the row; the first is 1, and 0 is `void`.
///
/// A kernel needs megabytes to describe itself. Of these, a page of each section is held here at a time, which costs no
/// more system calls: sysfs gives no more at once. What is read is not trusted: whatever is out of bounds is thrown.
struct BTFReader {
    /// Bytes from `offset`, at most `count`, fewer at the end; none where they cannot be read.
    typealias Read = (_ offset: Int, _ count: Int) -> [UInt8]

    /// Magic, version and flags, as the kernel has them.
    let format: UInt32
    private var types: BTFSection
    private var names: BTFSection
    /// Where every 64th type begins, from number 1 on: the table of all would be half a megabyte.
    private var landmarks: [Int] = []
    private static let stride = 64
    private var typeCount = 0

    init(_ read: @escaping Read) throws(UnreadableBTF) {
        var header = BTFSection(read, at: 0, byteCount: 24)
        format = try header.word(at: 0)
        // BTF_MAGIC, version 1, no flags; and in the other order of bytes none of these.
        guard format == 0x1_EB9F else { throw UnreadableBTF() }
        let headerSize = Int(try header.word(at: 4))
        types = BTFSection(
            read, at: headerSize + Int(try header.word(at: 8)), byteCount: Int(try header.word(at: 12)))
        names = BTFSection(
            read, at: headerSize + Int(try header.word(at: 16)), byteCount: Int(try header.word(at: 20)))
    }

    /// The types of these names, in their order. Looks at all types once, so that each is found later: to be called
    /// first.
    mutating func find(_ wanted: TypeNames) throws(UnreadableBTF) -> [UInt32] {
        let offsets = try names.offsets(of: wanted)
        var found: [UInt32] = []
        var offset = 0
        while offset < types.byteCount {
            if typeCount % Self.stride == 0 { landmarks.append(offset) }
            typeCount += 1
            let info = try types.word(at: offset + 4)
            guard let kind = BTFKind(info: info) else { throw UnreadableBTF() }
            if !kind.isNoType, offsets.contains(try types.word(at: offset)) { found.append(UInt32(typeCount)) }
            offset += kind.wordCount(info: info) * 4
        }
        guard offset == types.byteCount else { throw UnreadableBTF() }
        return found
    }

    /// All words of one type.
    mutating func type(_ number: UInt32) throws(UnreadableBTF) -> [UInt32] {
        guard number > 0, number <= typeCount else { throw UnreadableBTF() }
        let index = Int(number) - 1
        var offset = landmarks[index / Self.stride]
        for _ in 0..<(index % Self.stride) { offset += try wordCount(at: offset) * 4 }
        var words: [UInt32] = []
        for index in 0..<(try wordCount(at: offset)) { words.append(try types.word(at: offset + index * 4)) }
        return words
    }

    private mutating func wordCount(at offset: Int) throws(UnreadableBTF) -> Int {
        let info = try types.word(at: offset + 4)
        guard let kind = BTFKind(info: info) else { throw UnreadableBTF() }
        return kind.wordCount(info: info)
    }

    /// Without its NUL.
    mutating func name(at offset: UInt32) throws(UnreadableBTF) -> [UInt8] { try names.string(at: Int(offset)) }
}

/// A section, of which one page is in memory.
private struct BTFSection {
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
