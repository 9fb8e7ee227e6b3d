import Glibc
import TestKit

/// Frames that nobody would send: kept seeds, cut, doubled, spliced and seasoned.
///
/// The same seed number gives the same frames, each of which depends on its own number only.
struct Mutator: Sendable {
    let seed: UInt64
    private let seeds: [[UInt8]]
    /// What means something to the parser that is tried.
    private let words: [[UInt8]]
    static let longest = 4096

    /// TOCSIN_SOAK_SEED repeats a run; else `make soak` takes another one each time, and the suite always the same.
    /// Said before the first frame: a trap leaves no time for it.
    static let seed: UInt64 = {
        let given = getenv("TOCSIN_SOAK_SEED").flatMap { UInt64(String(cString: $0)) }
        let seed = given ?? (Soak.isFull ? .random(in: 1...999_999) : 1)
        Soak.report("malformed input", "seed \(seed)")
        return seed
    }()

    init(_ seeds: [[UInt8]], words: [String], seed: UInt64 = Self.seed) {
        self.seeds = seeds
        self.words = words.map { Array($0.utf8) } + Self.anyWhere
        self.seed = seed
    }

    /// Lengths, limits and bytes that are wrong for every parser.
    private static let anyWhere: [[UInt8]] = [
        [0], [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xEF, 0xBB, 0xBF], [0x7F],
        [0x0D, 0x0A],
        Array("9223372036854775808".utf8), Array("-9223372036854775809".utf8), Array("1e999".utf8),
        Array("\u{301}".utf8), [UInt8](repeating: 0x5B, count: 70), [UInt8](repeating: 0x30, count: 300),
    ]

    func frame(_ number: Int) -> [UInt8] {
        var dice = SeededGenerator(seed: seed &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(number))
        var frame = seeds.randomElement(using: &dice) ?? []
        for _ in 0..<Int.random(in: 1...4, using: &dice) {
            mutate(&frame, &dice)
        }
        return Array(frame.prefix(Self.longest))
    }

    private func mutate(_ frame: inout [UInt8], _ dice: inout SeededGenerator) {
        let place = Int.random(in: 0...frame.count, using: &dice)
        let end = min(frame.count, place + Int.random(in: 0...16, using: &dice))
        switch Int.random(in: 0..<10, using: &dice) {
        case 0 where place < frame.count: frame[place] ^= 1 << UInt8.random(in: 0..<8, using: &dice)
        case 1 where place < frame.count: frame[place] = .random(in: 0...255, using: &dice)
        case 2: frame.removeSubrange(place..<end)
        case 3: frame.insert(contentsOf: frame[place..<end], at: place)
        case 4: frame.removeSubrange(place...)
        case 5:
            // The beginning of one and the end of another.
            let other = seeds.randomElement(using: &dice) ?? []
            frame.replaceSubrange(place..., with: other.suffix(Int.random(in: 0...other.count, using: &dice)))
        case 6:
            let slice = Array(frame[place..<end])
            for _ in 0..<Int.random(in: 1...64, using: &dice) { frame.insert(contentsOf: slice, at: place) }
        case 7: frame.replaceSubrange(place..<end, with: words.randomElement(using: &dice) ?? [])
        default: frame.insert(contentsOf: words.randomElement(using: &dice) ?? [], at: place)
        }
    }
}

/// What is kept in Seeds/, and what the project has anyway.
enum Seeds {
    private static let here = "/" + #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    private static let root = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")

    static func lines(_ name: String) throws -> [[UInt8]] {
        try text("\(here)/Seeds/\(name)").split(separator: 0x0A).map { Array($0) }
    }

    static func file(_ name: String) throws -> [UInt8] { try text("\(here)/Seeds/\(name)") }

    /// The starter rules, and what a starter rule does not use.
    static func rules() throws -> [[UInt8]] {
        let directory = root + "/config/rules"
        var rules = [try file("rules.yml")]
        guard let entries = opendir(directory) else { throw Missing(path: directory) }
        defer { closedir(entries) }
        while let entry = readdir(entries) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".yml") { rules.append(try text("\(directory)/\(name)")) }
        }
        // Directories have no order; frames must have one.
        return rules.sorted { $0.lexicographicallyPrecedes($1) }
    }

    static func configuration() throws -> [UInt8] { try text(root + "/config/tocsin.yaml") }

    private static func text(_ path: String) throws -> [UInt8] {
        guard let text = contents(of: path) else { throw Missing(path: path) }
        return Array(text.utf8)
    }

    struct Missing: Error { let path: String }
}
