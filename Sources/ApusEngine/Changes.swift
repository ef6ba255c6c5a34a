import ApusModel

/// Names what a turn may have changed of what clients are told: it changed nothing else.
package struct Changes: Sendable {
    /// Those that came, went or changed their state, and whose they are.
    var instances: [InstanceID: Owner] = [:]
    var records: Set<RecordKey> = []
}
