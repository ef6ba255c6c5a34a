import ApusEngine
import ApusModel
import HashTreeCollections

extension Bench {
    /// What was decided of one kind, in order.
    func decided(_ kind: Decision.Kind) -> [Decision] { decisions.filter { $0.kind == kind } }

    /// The causes of what was decided of one kind, in order.
    func causes(_ kind: Decision.Kind) -> [String] { decided(kind).map(\.cause) }

    /// An instance ends by itself, and its executor says so.
    mutating func fail(_ instance: Instance, _ error: String, _ cause: EndCause = .healthFailed(.connect)) {
        executors[instance.executor]?.set(instance.id, .stopped, error: error, cause: cause, at: now.wall)
        beat()
    }
}
