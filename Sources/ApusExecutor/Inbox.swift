package import ApusAgent

/// What the agent's loop is told, in the order of its coming; bounded.
package struct Inbox: Sendable {
    enum Input: Sendable {
        case event(AgentEvent)
        /// The last write of the journal is durable.
        case recorded
        case recordFailed(reason: String)
    }

    /// Far more than can be under way at once; a full one makes senders wait, nothing is dropped.
    private static let limit = 4_096

    let inputs: AsyncStream<Input>
    private let continuation: AsyncStream<Input>.Continuation

    package init() {
        (inputs, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.limit))
    }

    /// Waits while the inbox is full; returns at once when nobody reads it any more.
    func send(_ input: Input) async {
        while !offer(input) {
            do { try await Task.sleep(for: .milliseconds(10)) } catch { return }
        }
    }

    /// Tells the agent of something that happened.
    package func send(_ event: AgentEvent) async { await send(.event(event)) }

    /// False if the inbox is full.
    func offer(_ input: Input) -> Bool {
        if case .dropped = continuation.yield(input) { false } else { true }
    }

    func close() { continuation.finish() }
}
