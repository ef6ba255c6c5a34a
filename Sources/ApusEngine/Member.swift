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

    private var registration: Registration
    package var presence = Presence.joining
    /// When it was last heard, for people; soft.
    package var heardAt: WallTime
    /// The same on the engine's listening clock (`Engine.listening`); soft.
    package var heard = Moment.zero
    /// Of its process; soft, 0 until heard.
    package var incarnation: Int64 = 0
    /// An earlier one that reports as well; soft.
    var earlierRun: EarlierRun?
    /// The revision of its state that is applied; soft.
    package var applied: Int64 = 0
    /// The highest epoch that it says it has recorded; soft.
    package var acknowledged: Epoch = 0
    /// The last sequence used towards it in this epoch; soft.
    package var sequence: Int64 = 0
    /// The last sequence used before this run of its process was heard; soft.
    var sequenceBefore: Int64 = 0
    /// Whether commands reach it; soft.
    var reach = Reach.reached
    /// Why it cannot serve now, in its own words; soft.
    package var troubles: [Trouble] = []
    /// The containers that it leaves alone; soft.
    package var quarantine = Quarantine()
    /// What people should know of it though it serves, in its own words; soft.
    package var warnings: [String] = []
    /// Why no command reaches it, while none does; soft.
    package var unreachable: String?
    /// Whether its port is reached, as the leader tries itself; soft.
    package var contact = Contact(isVerified: false)
    /// How it was, the oldest first; committed.
    package var history = MemberHistory()
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
    package var instances: [InstanceID] = []
    /// What is free and used there, strays included; soft.
    package var usage = Usage()

    /// Who it is and what it offers, which seldom changes: one reference, since each heartbeat copies the members beside
    /// its own.
    private final class Registration: Sendable {
        let id: ExecutorID
        let key: NodeKey
        let hostname: String
        let port: Int
        let transport: TransportType
        let description: NodeDescription
        let admitted: WallTime

        init(
            id: ExecutorID,
            key: NodeKey,
            hostname: String,
            port: Int,
            transport: TransportType,
            description: NodeDescription,
            admitted: WallTime
        ) {
            self.id = id
            self.key = key
            self.hostname = hostname
            self.port = port
            self.transport = transport
            self.description = description
            self.admitted = admitted
        }
    }

    package var id: ExecutorID { registration.id }
    package var key: NodeKey { registration.key }
    package var hostname: String { registration.hostname }
    package var port: Int { registration.port }
    package var transport: TransportType { registration.transport }
    package var description: NodeDescription { registration.description }
    package var admitted: WallTime { registration.admitted }

    /// One that nothing was heard of yet.
    init(
        id: ExecutorID,
        key: NodeKey,
        hostname: String,
        port: Int,
        transport: TransportType,
        description: NodeDescription,
        admitted: WallTime
    ) {
        registration = Registration(
            id: id,
            key: key,
            hostname: hostname,
            port: port,
            transport: transport,
            description: description,
            admitted: admitted
        )
        heardAt = admitted
    }

    /// It is found elsewhere, or offers something else, from now on.
    mutating func change(
        hostname: String? = nil,
        port: Int? = nil,
        transport: TransportType? = nil,
        description: NodeDescription? = nil
    ) {
        registration = Registration(
            id: id,
            key: key,
            hostname: hostname ?? self.hostname,
            port: port ?? self.port,
            transport: transport ?? self.transport,
            description: description ?? self.description,
            admitted: admitted
        )
    }

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

    /// It is heard no more.
    package var isAbsent: Bool { presence == .silent || isLost }

    /// Why the leader's calls do not reach it; `nil` while they do.
    package var controlTrouble: String? { unreachable ?? (contact.isUnreached ? contact.reason : nil) }

    /// What keeps it from serving and clears by itself, each with the reason.
    package var obstacles: [Trouble] { troubles + (controlTrouble.map { [Trouble(.control, $0)] } ?? []) }

    /// What fails of it, each with the reason.
    package var failures: [Trouble] {
        var failures: [Trouble] = []
        // Of one that is not heard a single look says enough.
        if let reason = controlTrouble ?? (isAbsent ? contact.reason : nil) {
            failures.append(Trouble(.control, reason))
        }
        if isAbsent { failures.append(Trouble(.data, "its reports are not heard")) }
        return failures + troubles
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
