/// Evaluates events against a rule set.
///
/// Owns the memory an evaluation works in, so that none is allocated for an event; one evaluator serves one thread.
/// Time is linear in the size of the event, whatever the event holds.
public struct Evaluator: Sendable {
    public let rules: RuleSet
    private var scratch: [Scratch]

    fileprivate struct Scratch: Sendable {
        var states: [UInt8]
        var touched: TouchedAtoms
        /// Rules to evaluate, each once.
        var candidates: [Int32] = []
        var isCandidate: [Bool]

        init(_ program: Program) {
            states = program.initialStates
            touched = TouchedAtoms(capacity: program.atoms.count)
            candidates.reserveCapacity(program.rules.count)
            isCandidate = Array(repeating: false, count: program.rules.count)
        }
    }

    public init(_ rules: RuleSet) {
        self.rules = rules
        scratch = rules.programs.map(Scratch.init)
    }

    /// Appends the indexes, in `rules.rules`, of the rules that match, in ascending order.
    ///
    /// - Parameter stream: an index into the streams that the rule set was made for.
    public mutating func evaluate(_ event: borrowing FieldValues, stream: Int, into matches: inout [Int]) {
        let program = rules.programs[stream]
        let before = matches.count
        event.bytes.withUnsafeBytes { bytes in
            scratch[stream].evaluate(program, event, bytes, into: &matches)
        }
        if matches.count - before > 1 { matches[before...].sort() }
    }
}

extension Evaluator.Scratch {
    fileprivate mutating func evaluate(
        _ program: Program, _ event: borrowing FieldValues, _ bytes: UnsafeRawBufferPointer, into matches: inout [Int]
    ) {
        scan(program, event, bytes)
        candidates.append(contentsOf: program.untriggered)
        for atom in touched.atoms {
            for index in Int(program.triggerStarts[Int(atom)])..<Int(program.triggerStarts[Int(atom) + 1]) {
                let rule = program.triggers[index]
                guard !isCandidate[Int(rule)] else { continue }
                isCandidate[Int(rule)] = true
                candidates.append(rule)
            }
        }
        for candidate in candidates {
            isCandidate[Int(candidate)] = false
            let (rule, root) = program.rules[Int(candidate)]
            if holds(Int(root), program, event, bytes) { matches.append(rule) }
        }
        candidates.removeAll(keepingCapacity: true)
        for atom in touched.atoms { states[Int(atom)] = program.initialStates[Int(atom)] }
        touched.removeAll()
    }

    private mutating func scan(_ program: Program, _ event: borrowing FieldValues, _ bytes: UnsafeRawBufferPointer) {
        states.withUnsafeMutableBufferPointer { states in
            guard let states = states.baseAddress else { return }
            for item in program.automata {
                guard let field = item.field else {
                    for entry in event.entries {
                        guard let text = entry.text else { continue }
                        item.automaton.scan(bytes.part(text), states: states, touched: &touched)
                    }
                    continue
                }
                var index = event.heads[field]
                while index >= 0 {
                    let entry = event.entries[index]
                    if let text = entry.text {
                        item.automaton.scan(bytes.part(text), states: states, touched: &touched)
                    }
                    index = entry.next
                }
            }
        }
    }

    private mutating func holds(
        _ index: Int, _ program: Program, _ event: borrowing FieldValues, _ bytes: UnsafeRawBufferPointer
    ) -> Bool {
        let node = program.nodes[index]
        switch node.kind {
        case .atom: return holds(atom: Int(node.value), program, event, bytes)
        case .not: return !holds(Int(node.value), program, event, bytes)
        case .all:
            for child in Int(node.value)..<Int(node.value + node.count)
            where !holds(child, program, event, bytes) { return false }
            return true
        case .any:
            for child in Int(node.value)..<Int(node.value + node.count)
            where holds(child, program, event, bytes) { return true }
            return false
        }
    }

    /// Several rules may ask for the same test; it is evaluated once.
    private mutating func holds(
        atom: Int, _ program: Program, _ event: borrowing FieldValues, _ bytes: UnsafeRawBufferPointer
    ) -> Bool {
        guard states[atom] == AtomState.unknown else { return states[atom] == AtomState.yes }
        let result = program.atoms[atom].holds(in: event, bytes)
        states[atom] = result ? AtomState.yes : AtomState.no
        // A test with literals is in the list since its literal occurred.
        if program.initialStates[atom] == AtomState.unknown { touched.append(Int32(atom)) }
        return result
    }
}
