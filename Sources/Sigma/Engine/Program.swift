/// The rules of one stream of events, compiled: literals in an automaton for each field, tests as atoms, conditions as
/// a flat tree, and for each rule the literals without which it cannot match.
struct Program: Sendable {
    struct Node: Sendable {
        enum Kind: UInt8, Sendable {
            case atom, not, all, any
        }

        let kind: Kind
        /// An atom's index, or the first child's.
        let value: Int32
        let count: Int32
    }

    struct FieldAutomaton: Sendable {
        /// nil is every value of the event.
        let field: Int?
        let automaton: Automaton
    }

    fileprivate(set) var atoms: [Atom] = []
    /// The state of each atom before an event is looked at.
    fileprivate(set) var initialStates: [UInt8] = []
    fileprivate(set) var automata: [FieldAutomaton] = []
    fileprivate(set) var nodes: [Node] = []
    /// A rule's index in its rule set, and the root of its condition.
    fileprivate(set) var rules: [(rule: Int, root: Int32)] = []
    /// Rules, as indexes into `rules`, that an atom triggers: those of atom `a` are from `triggerStarts[a]` up to
    /// `triggerStarts[a + 1]`.
    fileprivate(set) var triggers: [Int32] = []
    fileprivate(set) var triggerStarts: [Int32] = []
    /// Rules without a literal that has to occur: evaluated on every event.
    fileprivate(set) var untriggered: [Int32] = []

    /// Bytes that the tables of the automata take.
    var automataSize: Int { automata.reduce(0) { $0 + $1.automaton.size } }
}

/// Compiles rules one after the other into a program.
struct ProgramBuilder {
    private var program = Program()
    private var atomIndex: [Predicate: Int32] = [:]
    private var uses: [Int?: [LiteralUse]] = [:]
    private var triggersOfAtom: [[Int32]] = []

    mutating func add(rule: Int, _ expression: Expression, fields: inout FieldTable) {
        let expression = expression.normalized
        let index = Int32(program.rules.count)
        let root = Int32(program.nodes.count)
        program.nodes.append(Program.Node(kind: .any, value: 0, count: 0))
        emit(expression, at: Int(root), fields: &fields)
        program.rules.append((rule, root))
        guard let trigger = trigger(of: expression) else {
            program.untriggered.append(index)
            return
        }
        for atom in Set(trigger.atoms) { triggersOfAtom[Int(atom)].append(index) }
    }

    func finish() -> Program {
        var program = program
        for (field, uses) in uses.sorted(by: { ($0.key ?? -1) < ($1.key ?? -1) }) {
            program.automata.append(.init(field: field, automaton: Automaton(uses)))
        }
        program.triggerStarts = [0]
        for rules in triggersOfAtom {
            program.triggers += rules
            program.triggerStarts.append(Int32(program.triggers.count))
        }
        return program
    }

    // MARK: Conditions

    /// Children stand side by side, the cheap ones first, so that `and` and `or` end early.
    private mutating func emit(_ expression: Expression, at index: Int, fields: inout FieldTable) {
        let children: [Expression]
        let kind: Program.Node.Kind
        switch expression {
        case .predicate(let predicate):
            let atom = self.atom(predicate, fields: &fields)
            program.nodes[index] = Program.Node(kind: .atom, value: atom, count: 0)
            return
        case .not(let inner): (kind, children) = (.not, [inner])
        case .all(let terms): (kind, children) = (.all, terms.sorted { $0.cost < $1.cost })
        case .any(let terms): (kind, children) = (.any, terms.sorted { $0.cost < $1.cost })
        }
        let first = program.nodes.count
        program.nodes[index] = Program.Node(kind: kind, value: Int32(first), count: Int32(children.count))
        for _ in children { program.nodes.append(Program.Node(kind: .any, value: 0, count: 0)) }
        for (offset, child) in children.enumerated() { emit(child, at: first + offset, fields: &fields) }
    }

    private mutating func atom(_ predicate: Predicate, fields: inout FieldTable) -> Int32 {
        if let known = atomIndex[predicate] { return known }
        let index = Int32(program.atoms.count)
        atomIndex[predicate] = index
        let field = predicate.field.map { fields.index(of: $0) }
        program.atoms.append(Atom(field: field, test: predicate.test.compiled(&fields)))
        triggersOfAtom.append([])
        if let literals = predicate.test.literals {
            program.initialStates.append(AtomState.no)
            uses[field, default: []] += literals.map { LiteralUse(literal: $0.bytes, kind: $0.kind, atom: index) }
        } else {
            program.initialStates.append(AtomState.unknown)
        }
        return index
    }

    // MARK: Triggers

    /// Atoms of which one has to hold for the expression to hold, and how often they are likely to; nil where there is
    /// no such set.
    private func trigger(of expression: Expression) -> (atoms: [Int32], frequency: Int)? {
        switch expression {
        case .predicate(let predicate):
            guard let atom = atomIndex[predicate], let literals = predicate.test.literals else { return nil }
            return ([atom], literals.reduce(0) { $0 + Self.frequency($1.bytes.count, $1.kind) })
        case .not: return nil
        case .all(let terms):
            return terms.compactMap { trigger(of: $0) }.min { $0.frequency < $1.frequency }
        case .any(let terms):
            var atoms: [Int32] = []
            var frequency = 0
            for term in terms {
                guard let trigger = trigger(of: term) else { return nil }
                atoms += trigger.atoms
                frequency += trigger.frequency
            }
            return (atoms, frequency)
        }
    }

    /// A rough guess is enough: an image's base name is rare, a space in a command line is not.
    private static func frequency(_ length: Int, _ kind: LiteralUse.Kind) -> Int {
        switch (kind, length) {
        case (.whole, _): 1
        case (.suffix, 3...): 1
        case (.prefix, 6...): 2
        case (_, 8...): 2
        case (_, 5...7): 4
        case (_, 3...4): 8
        default: 64
        }
    }
}

extension Expression {
    /// Nested lists of one kind made flat, lists of one element replaced by it.
    var normalized: Expression {
        switch self {
        case .predicate: return self
        case .not(let inner):
            if case .not(let twice) = inner { return twice.normalized }
            return .not(inner.normalized)
        case .all(let terms):
            let flat = terms.map(\.normalized).flatMap { term in
                if case .all(let inner) = term { inner } else { [term] }
            }
            return flat.count == 1 ? flat[0] : .all(flat)
        case .any(let terms):
            let flat = terms.map(\.normalized).flatMap { term in
                if case .any(let inner) = term { inner } else { [term] }
            }
            return flat.count == 1 ? flat[0] : .any(flat)
        }
    }

    /// What evaluation costs at worst, roughly: a look-up, a comparison, a search.
    fileprivate var cost: Int {
        switch self {
        case .predicate(let predicate):
            switch predicate.test {
            case .regex: return 100
            case .text(let pattern):
                if let literals = predicate.test.literals, literals[0].kind != .candidate { return 1 }
                return pattern.tokens.count + 10
            default: return 5
            }
        case .not(let inner): return inner.cost
        case .all(let terms), .any(let terms): return terms.reduce(1) { $0 + $1.cost }
        }
    }
}

extension ValueTest {
    fileprivate func compiled(_ fields: inout FieldTable) -> Atom.Test {
        switch self {
        case .text(let pattern): .glob(Glob(pattern))
        case .regex(let pattern): .regex(pattern)
        case .number(let number, let text): .number(number, text: text)
        case .comparison(let comparison, let number): .comparison(comparison, number)
        case .network(let network): .network(network)
        case .null: .null
        case .exists: .exists
        case .reference(let field, let comparison): .reference(field: fields.index(of: field), comparison)
        case .datePart(let part, let comparison, let number): .datePart(part, comparison, number)
        }
    }
}

/// The names of the fields that rules look at, each with its index.
struct FieldTable: Sendable {
    private(set) var names: [String] = []
    private var indexes: [String: Int] = [:]

    mutating func index(of name: String) -> Int {
        if let index = indexes[name] { return index }
        indexes[name] = names.count
        names.append(name)
        return names.count - 1
    }

    func find(_ name: String) -> Int? { indexes[name] }
}
