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
