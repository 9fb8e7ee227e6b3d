/// One literal that the automaton looks for, and the test that it decides or brings into play.
struct LiteralUse: Hashable {
    enum Kind: UInt8 {
        /// The test holds where the literal occurs,
        case contains
        /// where the text starts with it,
        case prefix
        /// ends with it,
        case suffix
        /// or is it.
        case whole
        /// The test can hold only where the literal occurs; it has to be evaluated then.
        case candidate
    }

    let literal: [UInt8]
    let kind: Kind
    let atom: Int32
}

/// What is known of a test while an event is evaluated.
enum AtomState {
    static let no: UInt8 = 0
    static let yes: UInt8 = 1
    /// Has to be evaluated when it is asked for.
    static let unknown: UInt8 = 2
}

/// Aho-Corasick over the literals that rules look for in one field: one pass over the text, one table look-up a byte,
/// however many rules there are. ASCII case is folded.
///
/// The table is dense over the classes of bytes that occur in literals at all. Literals that matter only at the end of
/// a text are looked up once, at its end.
struct Automaton: Sendable {
    private struct Output {
        let kind: LiteralUse.Kind
        let atom: Int32
        let length: Int
    }

    private var classes = [UInt8](repeating: 0, count: 256)
    private let classCount: Int
    /// Row after row; an element is the offset of the next state's row, with `hit` set where that state has outputs.
    private var table: [UInt32] = []
    private var hits: [Output] = []
    private var hitStarts: [Int32] = []
    private var ends: [Output] = []
    private var endStarts: [Int32] = []

    private static let hit: UInt32 = 1 << 31

    /// - Parameter uses: none with an empty literal.
    init(_ uses: [LiteralUse]) {
        var count: UInt8 = 0
        for use in uses {
            for byte in use.literal where classes[Int(byte.asciiLowercased)] == 0 {
                // Class 0 is every other byte. There are at most 230 classes: no upper case, not all bytes are UTF-8.
                count += 1
                classes[Int(byte.asciiLowercased)] = count
            }
        }
        for byte in UInt8(ascii: "A")...UInt8(ascii: "Z") { classes[Int(byte)] = classes[Int(byte | 0x20)] }
        classCount = Int(count) + 1

        var trie = Trie(classCount: classCount)
        for use in uses { trie.insert(use, classes: classes) }
        trie.link()
        let hasHit = (0..<trie.count).map { trie.hasHit($0) }
        table = trie.next.map { UInt32(Int($0) * classCount) | (hasHit[Int($0)] ? Self.hit : 0) }
        for state in 0..<trie.count {
            hitStarts.append(Int32(hits.count))
            endStarts.append(Int32(ends.count))
            for use in trie.uses(at: state) {
                let output = Output(kind: use.kind, atom: use.atom, length: use.literal.count)
                switch use.kind {
                case .contains, .prefix, .candidate: hits.append(output)
                case .suffix, .whole: ends.append(output)
                }
            }
        }
        hitStarts.append(Int32(hits.count))
        endStarts.append(Int32(ends.count))
    }

    /// Bytes that the table takes.
    var size: Int { table.count * 4 }

    /// Updates the state of every test whose literal occurs, and appends its index to `touched` the first time.
    func scan(_ text: UnsafeRawBufferPointer, states: UnsafeMutablePointer<UInt8>, touched: inout TouchedAtoms) {
        var state: UInt32 = 0
        classes.withUnsafeBufferPointer { classes in
            table.withUnsafeBufferPointer { table in
                for position in 0..<text.count {
                    state = table[Int(state) + Int(classes[Int(text[position])])]
                    guard state & Self.hit != 0 else { continue }
                    state &= ~Self.hit
                    let row = Int(state) / classCount
                    for index in Int(hitStarts[row])..<Int(hitStarts[row + 1]) {
                        let output = hits[index]
                        let atom = Int(output.atom)
                        guard states[atom] == AtomState.no else { continue }
                        if output.kind == .prefix, position + 1 != output.length { continue }
                        states[atom] = output.kind == .candidate ? AtomState.unknown : AtomState.yes
                        touched.append(output.atom)
                    }
                }
            }
        }
        let row = Int(state) / classCount
        for index in Int(endStarts[row])..<Int(endStarts[row + 1]) {
            let output = ends[index]
            guard states[Int(output.atom)] == AtomState.no, output.kind == .suffix || output.length == text.count else {
                continue
            }
            states[Int(output.atom)] = AtomState.yes
            touched.append(output.atom)
        }
    }
}

/// The literals as a tree, then with the links that make it an automaton.
private struct Trie {
    let classCount: Int
    /// Row after row, a state's successor for each class; 0, the root, where there is none yet.
    var next: [Int32]
    private var own: [[LiteralUse]] = [[]]
    private var failure: [Int32] = [0]
    private var all: [[LiteralUse]] = []

    init(classCount: Int) {
        self.classCount = classCount
        next = Array(repeating: 0, count: classCount)
    }

    var count: Int { own.count }

    mutating func insert(_ use: LiteralUse, classes: [UInt8]) {
        var state = 0
        for byte in use.literal {
            let slot = state * classCount + Int(classes[Int(byte)])
            if next[slot] == 0 {
                next[slot] = Int32(own.count)
                own.append([])
                failure.append(0)
                next.append(contentsOf: repeatElement(0, count: classCount))
            }
            state = Int(next[slot])
        }
        own[state].append(use)
    }

    /// Breadth first: when a state is reached, the state it falls back to is complete.
    mutating func link() {
        all = own
        var queue = (0..<classCount).map { Int(next[$0]) }.filter { $0 != 0 }
        var head = 0
        while head < queue.count {
            let state = queue[head]
            head += 1
            let fallback = Int(failure[state])
            all[state] += all[fallback]
            for symbol in 0..<classCount {
                let slot = state * classCount + symbol
                let target = Int(next[slot])
                if target == 0 {
                    next[slot] = next[fallback * classCount + symbol]
                } else {
                    failure[target] = next[fallback * classCount + symbol]
                    queue.append(target)
                }
            }
        }
    }

    func uses(at state: Int) -> [LiteralUse] { all[state] }

    func hasHit(_ state: Int) -> Bool {
        all[state].contains { $0.kind != .suffix && $0.kind != .whole }
    }
}

/// Indexes of tests that an event has touched: a list with the capacity for all of them, so that it never grows.
struct TouchedAtoms: Sendable {
    private(set) var atoms: [Int32] = []

    init(capacity: Int) { atoms.reserveCapacity(capacity) }

    mutating func append(_ atom: Int32) { atoms.append(atom) }
    mutating func removeAll() { atoms.removeAll(keepingCapacity: true) }
}
