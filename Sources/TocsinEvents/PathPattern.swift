/// A glob over the bytes of an absolute path.
///
/// `*` and `?` stay within one path component, `[a-z]` and `[!a-z]` stand for one byte of it, `**` crosses
/// components, and `**/` also stands for no component at all, as in gitignore(5): `/srv/**/log` matches `/srv/log`.
/// `\` takes the next byte literally.
///
/// Patterns and file names may both come from an attacker, so matching never backtracks: all positions in the pattern
/// are followed at once, at most (bytes of the path) x (elements of the pattern) steps, without memory of its own.
package struct PathPattern: Hashable, Sendable {
    /// Longest pattern in bytes: PATH_MAX.
    package static let maximumBytes = 4096
    /// Most elements behind the literal beginning; they are a set of four words while matching.
    package static let maximumElements = 255

    /// The glob as it was written.
    package let text: String
    /// What the path must begin with; compared before anything else, and for most events the end of the matter.
    let prefix: [UInt8]
    /// What follows the prefix.
    let elements: [Element]
    /// What the path must end with; elements stand for it too, so this only refuses early.
    let suffix: [UInt8]

    enum Element: Hashable, Sendable {
        case byte(UInt8)
        /// `?`
        case any
        case set(ByteSet, negated: Bool)
        /// `*`
        case star
        /// `**`
        case globstar
        /// `**/` at the beginning of a component.
        case directories
    }

    init(elements parsed: [Element], text: String) {
        self.text = text
        var prefix: [UInt8] = []
        var rest = parsed[...]
        while case .byte(let byte)? = rest.first {
            prefix.append(byte)
            rest.removeFirst()
        }
        var suffix: [UInt8] = []
        for element in rest.reversed() {
            guard case .byte(let byte) = element else { break }
            suffix.append(byte)
        }
        self.prefix = prefix
        self.elements = Array(rest)
        self.suffix = suffix.reversed()
    }

    /// Whether the whole of `path` matches.
    package func matches(_ path: Span<UInt8>) -> Bool {
        guard path.count >= prefix.count + suffix.count else { return false }
        for index in prefix.indices where path[index] != prefix[index] {
            return false
        }
        guard let last = elements.last else { return path.count == prefix.count }
        if elements.count == 1, last == .globstar { return true }
        let tail = path.count - suffix.count
        for index in suffix.indices where path[tail + index] != suffix[index] {
            return false
        }
        return follow(path, from: prefix.count)
    }

    private func follow(_ path: Span<UInt8>, from start: Int) -> Bool {
        var active = Positions()
        enter(0, &active)
        for offset in start..<path.count {
            let byte = path[offset]
            let isSlash = byte == UInt8(ascii: "/")
            var next = Positions()
            active.forEach { position in
                guard position < elements.count else { return }
                switch elements[position] {
                case .byte(let wanted):
                    if byte == wanted { enter(position + 1, &next) }
                case .any:
                    if !isSlash { enter(position + 1, &next) }
                case .set(let set, let negated):
                    if !isSlash, set.contains(byte) != negated { enter(position + 1, &next) }
                case .star:
                    if !isSlash { enter(position, &next) }
                case .globstar:
                    enter(position, &next)
                case .directories:
                    // Left only behind a slash.
                    if isSlash { enter(position, &next) } else { next.insert(position) }
                }
            }
            if next.isEmpty { return false }
            active = next
        }
        return active.contains(elements.count)
    }

    /// Adds `position` and what is reachable from it without reading a byte.
    private func enter(_ position: Int, _ positions: inout Positions) {
        var position = position
        while !positions.contains(position) || position < elements.count && elements[position] == .directories {
            positions.insert(position)
            guard position < elements.count else { return }
            switch elements[position] {
            case .star, .globstar, .directories: position += 1
            default: return
            }
        }
    }
}

/// A set of byte values.
struct ByteSet: Hashable, Sendable {
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    mutating func insert(_ bytes: ClosedRange<UInt8>) {
        for byte in bytes {
            let bit = UInt64(1) << UInt64(byte & 63)
            switch byte >> 6 {
            case 0: words.0 |= bit
            case 1: words.1 |= bit
            case 2: words.2 |= bit
            default: words.3 |= bit
            }
        }
    }

    func contains(_ byte: UInt8) -> Bool {
        let word =
            switch byte >> 6 {
            case 0: words.0
            case 1: words.1
            case 2: words.2
            default: words.3
            }
        return word >> UInt64(byte & 63) & 1 == 1
    }

    static func == (lhs: ByteSet, rhs: ByteSet) -> Bool { lhs.words == rhs.words }

    func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
        hasher.combine(words.2)
        hasher.combine(words.3)
    }
}

/// The positions in a pattern that are alive: 0...255.
private struct Positions {
    private var words = InlineArray<4, UInt64>(repeating: 0)

    var isEmpty: Bool { words[0] | words[1] | words[2] | words[3] == 0 }

    func contains(_ position: Int) -> Bool { words[position >> 6] >> UInt64(position & 63) & 1 == 1 }

    mutating func insert(_ position: Int) { words[position >> 6] |= UInt64(1) << UInt64(position & 63) }

    func forEach(_ body: (Int) -> Void) {
        for index in 0..<4 {
            var word = words[index]
            while word != 0 {
                body(index << 6 + word.trailingZeroBitCount)
                word &= word - 1
            }
        }
    }
}
