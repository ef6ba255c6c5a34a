import ApusAgent
import ApusModel
import Logging
import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// For tests only: kills this process with SIGKILL where an instance first comes into a state, as a power cut would.
///
/// Set by `APUS_CRASH_AT=instance-before:STATE` or `instance-after:STATE`, `instance-after:STARTING` say.
struct TransitionCrash: Sendable {
    private enum Side: String {
        /// The agent has decided; nothing of it is recorded or begun.
        case before = "instance-before"
        /// It is recorded, and what follows from it is under way.
        case after = "instance-after"
    }

    /// Long enough for a request to reach the container engine, too short for most answers.
    private static let underWay = TimeAmount.milliseconds(5)

    private let side: Side
    private let state: InstanceState

    /// Reads `instance-before:STATE` or `instance-after:STATE`; `nil` if it is something else.
    init?(_ text: String) {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let side = Side(rawValue: String(parts[0])),
            let state = InstanceState(rawValue: String(parts[1]))
        else { return nil }
        self.side = side
        self.state = state
    }

    /// What the environment asks for; other words than `instance-…` are the controller's.
    static func asked(_ logger: Logger) -> TransitionCrash? {
        guard let value = getenv("APUS_CRASH_AT") else { return nil }
        let text = String(cString: value)
        guard text.hasPrefix("instance-") else { return nil }
        let crash = TransitionCrash(text)
        if crash == nil {
            logger.error(
                "APUS_CRASH_AT is neither instance-before:STATE nor instance-after:STATE",
                metadata: ["is": "\(text)"]
            )
        }
        return crash
    }

    /// The agent has taken a step; its actions are not performed.
    func stepped(_ turn: AgentTurn) {
        if side == .before, isReached(turn) { kill(getpid(), SIGKILL) }
    }

    /// The step's actions are handed out.
    func performed(_ turn: AgentTurn) {
        // What waits for a record is handed out once that is durable.
        guard side == .after, !turn.isRecording, isReached(turn) else { return }
        MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: Self.underWay) { kill(getpid(), SIGKILL) }
    }

    private func isReached(_ turn: AgentTurn) -> Bool { turn.agent.instances.contains { $0.state == state } }
}
