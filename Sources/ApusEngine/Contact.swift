package import ApusModel

/// Whether a member's port is reached, as the leader tried itself; commands tell it too (`Member.reach`).
package struct Contact: Hashable, Sendable {
    /// This run of its process was reached once.
    package internal(set) var isVerified: Bool
    /// By these looks alone.
    var reach = Reach.reached
    /// Why the last one failed, or the first of those that made it count as not reached; `nil` if the last did not.
    var reason: String?
    /// None succeeded for so long that it counts as not reached.
    package internal(set) var isUnreached = false
    /// When the next one is due.
    var due: Moment?

    init(isVerified: Bool) { self.isVerified = isVerified }

    mutating func succeeded() {
        reach = .reached
        reason = nil
        isUnreached = false
    }
}

/// A look at an executor's port: whoever listens there is asked who it is.
package struct Probe: Hashable, Sendable {
    package var executor: ExecutorID
    /// The run of its process that is meant.
    package var incarnation: Int64
    package var hostname: String
    package var port: Int
    package var transport: TransportType

    init(of member: Member) {
        executor = member.id
        incarnation = member.incarnation
        hostname = member.hostname
        port = member.port
        transport = member.transport
    }

    /// One at each member that the records tell of, but for those that are given up.
    ///
    /// - Throws: `JSONError` if one of them cannot be read.
    package static func all(in records: [Record]) throws(JSONError) -> [Probe] {
        var probes: [Probe] = []
        for record in records where record.key.kind == .member {
            let member = try Member(record: try record.json())
            if !member.isLost { probes.append(Probe(of: member)) }
        }
        return probes
    }
}

/// What came of a look at an executor's port.
package enum ProbeOutcome: Hashable, Sendable {
    /// Who answers there.
    case answered(ClusterID, ExecutorID, incarnation: Int64)
    case failed(String)
}
