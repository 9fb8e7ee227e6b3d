public import TocsinEvents

/// Events as they happen; see `TocsinClient.events`. Each iteration is a session of its own.
public struct EventStream: AsyncSequence, Sendable {
    public typealias Element = Event

    /// The same, with what else the daemon's replies tell.
    public let completions: CompletionStream

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(base: completions.makeAsyncIterator()) }

    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var base: CompletionStream.AsyncIterator

        /// nil once the task is cancelled, and after a failure of the stream.
        /// - Throws: `TocsinError`. After `malformedReply`, where an event has a member of another type than the
        ///   interface
        ///   declares, the stream is not at its end: the next call goes on with the event behind.
        public mutating func next() async throws -> Event? { try await next(isolation: nil) }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws -> Event? {
            try await base.next(isolation: actor)?.event
        }
    }
}

/// Events and what came with them; see `TocsinClient.events`.
public struct CompletionStream: AsyncSequence, Sendable {
    public typealias Element = Completion

    let client: TocsinClient
    let request: OpenRequest
    let depth: Int
    let clock: any Clock<Duration>
    let onRetry: (@Sendable (Retry) -> Void)?

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(reader: StreamReader(self)) }

    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let reader: StreamReader

        /// nil once the task is cancelled.
        /// - Throws: `TocsinError`
        public mutating func next() async throws -> Completion? { try await next(isolation: nil) }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws -> Completion? {
            try await reader.next()
        }
    }

    /// The same, as it arrives: each element is what has arrived since the one before, at least one completion and at
    /// most as many as the depth. For who can handle several at the cost of one, as a write to a file can.
    public var batches: Batches { Batches(stream: self) }

    public struct Batches: AsyncSequence, Sendable {
        public typealias Element = [Completion]

        fileprivate let stream: CompletionStream

        public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(reader: StreamReader(stream)) }

        public struct AsyncIterator: AsyncIteratorProtocol {
            fileprivate let reader: StreamReader

            /// nil once the task is cancelled.
            /// - Throws: `TocsinError`
            public mutating func next() async throws -> [Completion]? { try await next(isolation: nil) }

            public mutating func next(isolation actor: isolated (any Actor)?) async throws -> [Completion]? {
                try await reader.nextBatch()
            }
        }
    }
}
