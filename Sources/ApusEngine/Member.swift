package import ApusModel
package import ApusPlacement

/// An executor that was admitted: it stays a member, heard or not, until it is retired.
package struct Member: Sendable {
    package enum Presence: Hashable, Sendable {
        /// Not heard in full by this leader, or since its restart.
        case joining
        /// Heard; what it has is known.
        case present
        /// Missed three heartbeats.
        case silent
        /// Given up; its work is placed elsewhere. Committed.
        case lost(since: WallTime)
    }

    package var id: ExecutorID
    package var key: NodeKey
    package var hostname: String
    package var port: Int
    package var transport: TransportType
    package var description: NodeDescription
    package var presence: Presence
    package var admitted: WallTime
    /// When it was last heard, for people; soft.
    package var heardAt: WallTime
    /// The same on the engine's listening clock (`Engine.listening`); soft.
    package var heard: Moment
    /// Of its process; soft, 0 until heard.
    package var incarnation: Int64
    /// The revision of its state that is applied; soft.
    package var applied: Int64
    /// The highest epoch that it says it has recorded; soft.
    package var acknowledged: Epoch
    /// The last sequence used towards it in this epoch; soft.
    package var sequence: Int64
    /// The last sequence used before this run of its process was heard; soft.
    var sequenceBefore: Int64 = 0
    /// Whether commands reach it; soft.
    var reach = Reach.reached
    /// Why it cannot serve now, in its own words; soft.
    package var troubles: [String] = []
    /// The containers that it leaves alone; soft.
    package var quarantine = Quarantine()
    /// What people should know of it though it serves, in its own words; soft.
    package var warnings: [String] = []
    /// Why no command reaches it, while none does; soft.
    package var unreachable: String?
    /// What is really free there, as it measured last; soft.
    package var load: NodeLoad?
    /// Whether work may be placed there: what the leader's ledger says; soft.
    package var admission = Admission.closed(.joining)
    /// Until when it is not given up, though it is silent; soft.
    package var lossHold: LossHold?
    /// What operators want of it; committed.
    package var duty = Duty.active
    /// The epoch of the leader that was asked for that; 0 if nobody wrote it down.
    package var dutyOrdered: Epoch = 0
    /// The required local services have been healthy there since it was admitted, so it takes other work.
    package var isReady = false
    /// The ids of what runs there, oldest first.
    package var instances: [InstanceID]
    /// What is free and used there, strays included; soft.
    package var usage = Usage()

    /// What placement policies look at of it.
    var traits: HostTraits {
        HostTraits(
            hostname: hostname,
            tags: Set(description.tags),
            zone: description.zone,
            metadata: description.metadata
        )
    }

    /// It has not spoken to this leader, and is not given up.
    var isUnheard: Bool { incarnation == 0 && !isLost }

    package var isLost: Bool {
        if case .lost = presence { true } else { false }
    }
}

/// Whether the commands of this leader arrive: one that is heard need not be reached.
enum Reach: Hashable, Sendable {
    case reached
    /// None has since then; the last one was tried at `last`.
    case failing(since: Moment, last: Moment)

    /// For so long none has arrived.
    var failing: Duration {
        if case .failing(let since, let last) = self { last - since } else { .zero }
    }
}
