import TocsinEvents

/// Keys of processes, first in, first out; removing is cheap on average.
struct KeyQueue: Sendable {
    private var keys: [ProcessKey] = []
    private var head = 0

    var count: Int { keys.count - head }

    mutating func append(_ key: ProcessKey) { keys.append(key) }

    mutating func removeFirst() -> ProcessKey? {
        guard head < keys.count else { return nil }
        defer { head += 1 }
        if head > 1024, head > keys.count / 2 {
            keys.removeFirst(head)
            head = 0
        }
        return keys[head]
    }

    mutating func keep(_ isWanted: (ProcessKey) -> Bool) {
        keys = keys[head...].filter(isWanted)
        head = 0
    }
}
