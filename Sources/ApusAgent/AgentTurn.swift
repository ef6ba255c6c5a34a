package import ApusModel

/// The order *step → record → act* around the agent, as a pure value.
///
/// The shell (or the simulator) gives events to `take` and performs what comes back, in order. When a `.record` or
/// `.rewrite` comes, it is the last of the list: the shell makes it durable and calls `recorded` or `recordFailed`, and
/// only then gets what depends on it. Events that arrive meanwhile wait here in their order. Their number is bounded by
/// nature: one outcome per instance, one report, one inventory, exits of our own containers, and the commands that
/// the executor's HTTP side lets in.
package struct AgentTurn: Sendable {
    package private(set) var agent: Agent
    private var held: [AgentAction] = []
    private var waiting: [AgentEvent] = []
    /// A record is being written; nothing is stepped until its end is known.
    package private(set) var isRecording = false

    package init(_ agent: Agent) { self.agent = agent }

    /// When the next `.tick` is wanted; `nil` while a record is being written.
    package var nextDeadline: Moment? { isRecording ? nil : agent.nextDeadline }

    /// Takes one event; what comes back is to be performed in order.
    package mutating func take(_ event: AgentEvent, at times: Times) -> [AgentAction] {
        guard !isRecording else {
            // A tick tells nothing that the next event would not.
            if event != .tick { waiting.append(event) }
            return []
        }
        return release(agent.step(event, at: times))
    }

    /// The record is durable.
    package mutating func recorded(at times: Times) -> [AgentAction] {
        guard isRecording else { return [] }
        isRecording = false
        return proceed(with: release(held), at: times)
    }

    /// The record is not durable, or not surely; what the agent makes of that comes back.
    package mutating func recordFailed(reason: String, at times: Times) -> [AgentAction] {
        guard isRecording else { return [] }
        isRecording = false
        let actions = agent.step(.recordFailed(held: held, reason: reason), at: times)
        return proceed(with: release(actions), at: times)
    }

    /// The actions up to and including the first write; the rest is held.
    private mutating func release(_ actions: [AgentAction]) -> [AgentAction] {
        guard let write = actions.firstIndex(where: \.isWrite) else {
            held = []
            return actions
        }
        isRecording = true
        held = Array(actions[(write + 1)...])
        return Array(actions[...write])
    }

    private mutating func proceed(with released: [AgentAction], at times: Times) -> [AgentAction] {
        var actions = released
        while !isRecording, !waiting.isEmpty {
            actions += release(agent.step(waiting.removeFirst(), at: times))
        }
        return actions
    }
}

extension AgentAction {
    var isWrite: Bool {
        switch self {
        case .record, .rewrite: true
        case .perform, .cancel, .answer, .report, .takeInventory, .note: false
        }
    }
}
