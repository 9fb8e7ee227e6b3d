/// Takes some types out of a BTF, with what is needed to know where their members are: a BTF again, of a hundredth of
/// the size.
///
/// What a type holds is copied with it. A structure that it only points to is declared, as a header of C does it:
/// libbpf asks no more of one behind a pointer than its name.
package struct BTFExcerpt {
    private var source: BTFReader
    private let wanted: Set<UInt32>

    /// One type as it is needed: a structure that is only pointed to is another type than the same one as a member.
    private struct Use: Hashable {
        var number: UInt32
        var isBehindPointer: Bool
    }

    /// The index of each in `uses` plus one is its number in the excerpt.
    private var numbers: [Use: UInt32] = [:]
    private var uses: [Use] = []
    private var types: [UInt32] = []

    private var names: [UInt8] = [0]
    /// By where they are in the source.
    private var nameOffsets: [UInt32: UInt32] = [0: 0]

    /// More is no excerpt. In bytes.
    private static let limit = 1 << 20

    /// The bytes of a BTF of all types of these names. Names that no type has are passed over.
    ///
    /// - Parameter read: gives up to `count` bytes from `offset`, fewer at the end, none where they cannot be read.
    package static func make(
        of names: TypeNames, read: @escaping (_ offset: Int, _ count: Int) -> [UInt8]
    ) throws(UnreadableBTF) -> [UInt8] {
        var source = try BTFReader(read)
        let wanted = try source.find(names)
        var excerpt = BTFExcerpt(source, of: wanted)
        for number in wanted { _ = excerpt.number(of: number, behindPointer: false) }
        var next = 0
        while next < excerpt.uses.count {
            try excerpt.copy(excerpt.uses[next])
            next += 1
        }
        return excerpt.bytes
    }

    private init(_ source: BTFReader, of wanted: [UInt32]) {
        self.source = source
        self.wanted = Set(wanted)
    }

    private mutating func copy(_ use: Use) throws(UnreadableBTF) {
        var words = try source.type(use.number)
        guard var kind = BTFKind(info: words[1]), !kind.isNoType else { throw UnreadableBTF() }
        // One without a name cannot be declared.
        if use.isBehindPointer, kind.isComposite, words[0] != 0 {
            let info = BTFKind.declaration.rawValue << 24 | (kind == .union ? 1 << 31 : 0)
            words = [words[0], info, 0]
            kind = .declaration
        }
        // A prototype takes declared types, too; and no other use of a structure is left behind a pointer.
        let behindPointer =
            kind == .pointer || kind == .prototype || use.isBehindPointer && !kind.isComposite
        words[0] = try copyName(at: words[0])
        if kind.refersToType { words[2] = number(of: words[2], behindPointer: behindPointer) }
        if kind == .array {
            words[3] = number(of: words[3], behindPointer: behindPointer)
            words[4] = number(of: words[4], behindPointer: false)
        }
        if kind.elementWords > 0 {
            for element in stride(from: 3, to: words.count, by: kind.elementWords) {
                words[element] = try copyName(at: words[element])
                guard kind.hasTypedElements else { continue }
                words[element + 1] = number(of: words[element + 1], behindPointer: behindPointer)
            }
        }
        types += words
        guard types.count * 4 + names.count <= Self.limit else { throw UnreadableBTF() }
    }

    /// Its number in the excerpt. What is asked for the first time is copied after all that is known.
    private mutating func number(of type: UInt32, behindPointer: Bool) -> UInt32 {
        // void
        if type == 0 { return 0 }
        let use = Use(number: type, isBehindPointer: behindPointer && !wanted.contains(type))
        if let known = numbers[use] { return known }
        uses.append(use)
        numbers[use] = UInt32(uses.count)
        return UInt32(uses.count)
    }

    private mutating func copyName(at offset: UInt32) throws(UnreadableBTF) -> UInt32 {
        if let known = nameOffsets[offset] { return known }
        let new = UInt32(names.count)
        names += try source.name(at: offset)
        names.append(0)
        nameOffsets[offset] = new
        return new
    }

    private var bytes: [UInt8] {
        let size = UInt32(types.count * 4)
        // Magic and version, size of the header; then offset and size of each section.
        let header = [source.format, 24, 0, size, size, UInt32(names.count)]
        return (header + types).withUnsafeBytes { Array($0) } + names
    }
}
