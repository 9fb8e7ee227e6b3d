import NIOCore

/// Work that goes on in later ticks of an event loop, a bounded amount in each: then the loop looks after its sockets,
/// however much waits here.
///
/// Lives on the event loop. Whoever comes back after its turn waits behind all others.
public final class LaterTurns<Element> {
    private let eventLoop: any EventLoop
    private var queue: TurnQueue<Element>
    private let act: (Element) -> Int
    private var isScheduled = false

    /// - Parameters:
    ///   - amount: of work, in a unit of the caller's, after which a tick ends.
    ///   - act: does a turn and returns how much work that was.
    public init(on eventLoop: any EventLoop, atMost amount: Int, _ act: @escaping (Element) -> Int) {
        self.eventLoop = eventLoop
        queue = TurnQueue(atMost: amount)
        self.act = act
    }

    public func append(_ element: Element) {
        queue.append(element)
        schedule()
    }

    private func schedule() {
        guard !isScheduled else { return }
        isScheduled = true
        // The loop runs whatever is due before it polls again: only what is due later lets others in between.
        eventLoop.assumeIsolated().scheduleTask(in: .microseconds(50)) { self.tick() }
    }

    private func tick() {
        isScheduled = false
        queue.beginTick()
        while let element = queue.next() { queue.worked(act(element)) }
        if !queue.isEmpty { schedule() }
    }
}

/// Who goes on in which tick. Pure.
struct TurnQueue<Element> {
    private let amount: Int
    private var waiting = CircularBuffer<Element>()
    /// Of those that waited when the tick began.
    private var left = 0
    private var worked = 0

    init(atMost amount: Int) { self.amount = amount }

    var isEmpty: Bool { waiting.isEmpty }

    mutating func append(_ element: Element) { waiting.append(element) }

    mutating func beginTick() {
        left = waiting.count
        worked = 0
    }

    /// The next to go on in this tick. Who comes while it lasts waits for another.
    mutating func next() -> Element? {
        guard left > 0, worked < amount else { return nil }
        left -= 1
        return waiting.popFirst()
    }

    /// So much work was the turn of the one that was taken last.
    mutating func worked(_ amount: Int) { worked += amount }
}
