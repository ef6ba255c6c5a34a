import ApusModel

/// Events as server-sent events, read from the log as fast as they are taken; iterate it once.
///
/// It ends when the leadership or the server does, and at its deadline; whoever comes again with the last id misses
/// nothing.
struct EventStream: AsyncSequence, Sendable {
    typealias Element = [UInt8]

    let listener: EventListener
    /// All if none are named.
    let kinds: Set<ClusterEvent.Kind>
    let deadline: ContinuousClock.Instant

    func makeAsyncIterator() -> Iterator { Iterator(self) }

    struct Iterator: AsyncIteratorProtocol {
        private let stream: EventStream
        private var position: EventPosition
        private var gap: EventGap?
        private var nudges: AsyncStream<Void>.Iterator
        /// When something was sent last.
        private var sent: ContinuousClock.Instant?

        init(_ stream: EventStream) {
            self.stream = stream
            position = stream.listener.position
            gap = stream.listener.gap
            nudges = stream.listener.nudges.makeAsyncIterator()
        }

        @concurrent
        mutating func next() async throws -> [UInt8]? {
            // At once: one that breaks before anything has happened is to go on here.
            guard let sent else { return send(position.sign) }
            while ContinuousClock.now < stream.deadline {
                let (stretch, isLeading) = stream.listener.log.stretch(after: &position, of: stream.kinds)
                let piece = piece(of: stretch)
                if !piece.isEmpty { return send(piece) }
                if stretch.goesOn { continue }
                guard isLeading else { break }
                if ContinuousClock.now - sent >= stream.listener.log.limits.keepAlive {
                    return send(position.sign)
                }
                guard await nudges.next() != nil else {
                    try Task.checkCancellation()
                    break
                }
            }
            return nil
        }

        private mutating func send(_ piece: [UInt8]) -> [UInt8] {
            sent = ContinuousClock.now
            return piece
        }

        private mutating func piece(of stretch: EventHistory.Stretch) -> [UInt8] {
            var piece = gap?.frame ?? []
            gap = nil
            for frame in stretch.frames { piece += frame }
            return piece
        }
    }
}
