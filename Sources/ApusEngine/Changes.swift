package import ApusModel

/// Names what a turn may have changed of what clients are told: it changed nothing else.
package struct Changes: Sendable {
    /// Those that came, went or changed their state, and whose they are.
    var instances: [InstanceID: Owner] = [:]
    var records: Set<RecordKey> = []
    /// Members of which something changed that no record keeps: whether they are heard, and can serve.
    var members: Set<ExecutorID> = []
    /// Containers that nobody claims whose stop was held, or told.
    var strays: Set<InstanceID> = []
    /// Those for which there was no room.
    var unplaced: Set<Owner> = []
    /// Executors that were refused, and are to be told of.
    var refused: [Refused] = []
    /// What was forgotten because it was old, and why.
    var forgotten: [Forgotten] = []
    /// What requests began, however it has ended since.
    package internal(set) var begun: [RequestID: AuditOperation] = [:]

    struct Forgotten {
        /// An owner as a whole, or its ended instances.
        var owner: Owner
        var reason: String
    }
}
