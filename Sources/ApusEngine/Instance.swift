package import ApusModel

/// One live instance: from its assignment until its end is reported or its executor is given up.
package struct Instance: Sendable {
    /// How far the controller's own part has come.
    package enum Progress: Hashable, Sendable {
        /// Committed; the executor has not said yet that it has it. `sent` is when the START last left.
        case assigned(sent: Moment?)
        /// The executor has it.
        case confirmed
    }

    private let assignment: Assignment
    package var updated: WallTime
    package var state = InstanceState.pending
    package var ports: [PortMapping] = []
    package var error = ""
    package var cause: EndCause?
    package var progress = Progress.assigned(sent: nil)
    /// Set once this leader wants it gone.
    package var stop: Stop?
    /// When it was last seen to become HEALTHY; soft.
    package var healthySince: Moment?
    /// The application's back-off generation at its start; soft.
    package var generation: Int
    /// The revision of its executor at which it last changed; soft.
    package var revision: Int64 = 0
    /// The sequence of the last START that left for it; soft.
    var startSequence: Int64 = 0
    /// How often its executor started it again in place; soft.
    package var restarts = 0
    /// How far its executor has come with what takes long, a pull say; soft.
    package var progressText: String?
    /// It was HEALTHY when its executor last knew: that either side begins anew does not change it.
    var isWell = false
    /// Which of its executor's hint records it stands in; no task does.
    var hintPage = 0

    /// What never changes of it: one reference, since each turn's first changes copy the instances beside theirs.
    private final class Assignment: Sendable {
        let id: InstanceID
        let owner: Owner
        let executor: ExecutorID
        let allocation: ResourceAllocation
        let epoch: Epoch
        let created: WallTime

        init(
            _ id: InstanceID,
            of owner: Owner,
            on executor: ExecutorID,
            _ allocation: ResourceAllocation,
            epoch: Epoch,
            created: WallTime
        ) {
            self.id = id
            self.owner = owner
            self.executor = executor
            self.allocation = allocation
            self.epoch = epoch
            self.created = created
        }
    }

    package var id: InstanceID { assignment.id }
    package var owner: Owner { assignment.owner }
    package var executor: ExecutorID { assignment.executor }
    package var allocation: ResourceAllocation { assignment.allocation }
    /// The epoch of its assignment.
    package var epoch: Epoch { assignment.epoch }
    package var created: WallTime { assignment.created }

    /// A wish for its end and when the STOP last left.
    package struct Stop: Hashable, Sendable {
        package var reason: StopReason
        package var sent: Moment?
    }

    /// The most that it takes in a hint record; `portNames` are those that it will have, told or not.
    func hintBytes(portNames: [String]) -> Int {
        let known = ports.reduce(0) { $0 + Self.hintBytes(ofPort: $1.name) }
        let coming = portNames.reduce(0) { $0 + Self.hintBytes(ofPort: $1) }
        return 280 + owner.description.utf8.count + allocation.cores.count * 6 + max(known, coming)
    }

    private static func hintBytes(ofPort name: String) -> Int { name.utf8.count + 90 }

    /// The record that holds its assignment.
    var recordKey: RecordKey {
        switch owner {
        case .application, .localService: HintPages.key(executor, page: hintPage)
        case .task(let task): RecordKey(.task, task.rawValue)
        }
    }

    /// The application that it is an instance of; `nil` of a task or a local service.
    package var app: AppID? { if case .application(let app) = owner { app } else { nil } }
    var isTask: Bool { if case .task = owner { true } else { false } }
    /// It counts towards what is expected.
    package var isAlive: Bool { stop == nil && state.isAlive }
    package var isHealthy: Bool { stop == nil && state == .healthy }
    /// As clients see it: one that was told to end is STOPPING, though its executor has not said so yet.
    package var shownState: InstanceState { stop != nil && state.isAlive ? .stopping : state }
    /// It counts, and is healthy for all that is known.
    package var isAliveAndWell: Bool { isAlive && isWell }
    /// Its container may run: it started and has not begun to end.
    package var isRunning: Bool {
        switch state {
        case .unready, .ready, .healthy, .unhealthy: true
        default: false
        }
    }
}

extension Instance {
    /// One that has just found its place.
    init(
        _ id: InstanceID,
        of owner: Owner,
        on executor: ExecutorID,
        _ allocation: ResourceAllocation,
        epoch: Epoch,
        generation: Int = 0,
        at wall: WallTime
    ) {
        assignment = Assignment(id, of: owner, on: executor, allocation, epoch: epoch, created: wall)
        updated = wall
        self.generation = generation
    }
}

/// One ended instance, as it is kept for people to look at.
package struct EndedInstance: Hashable, Sendable {
    package var id: InstanceID
    /// An application or a local service.
    package var owner: Owner
    package var executor: ExecutorID
    package var hostname: String
    package var allocation: ResourceAllocation
    package var ports: [PortMapping]
    package var state: InstanceState
    package var error: String
    package var cause: EndCause?
    package var created: WallTime
    package var updated: WallTime
}

extension EndedInstance {
    /// The most that its record takes, about: what it really takes would have to be written for that.
    fileprivate var recordBytes: Int {
        let ports = ports.reduce(0) { $0 + $1.name.utf8.count + 90 }
        let texts = error.isEmpty ? 0 : JSON.string(error).bytes.count
        return 500 + owner.description.utf8.count + hostname.utf8.count + allocation.cores.count * 6 + ports + texts
    }

    init(
        _ instance: Instance,
        as terminal: InstanceState,
        _ cause: EndCause?,
        _ error: String,
        on hostname: String,
        at wall: WallTime
    ) {
        self.init(
            id: instance.id,
            owner: instance.owner,
            executor: instance.executor,
            hostname: hostname,
            allocation: instance.allocation,
            ports: instance.ports,
            state: terminal,
            error: error,
            cause: cause,
            created: instance.created,
            updated: wall
        )
    }
}

/// The ended instances of one application or local service: pages of bounded size, the oldest dropped.
package struct EndedHistory: Sendable {
    package static let entriesPerPage = 10
    /// Entries with long errors and many ports fill a page sooner: it must stay one record of a store.
    private static let fullPageBytes = 48 << 10

    package struct Page: Sendable {
        package var number: Int
        package var entries: [EndedInstance] = []
        /// What its record takes, about.
        var bytes = 0
    }
    /// Ascending by number.
    package var pages: [Page] = []

    package init() {}

    package var entries: [EndedInstance] { pages.flatMap(\.entries) }
    var count: Int { pages.reduce(0) { $0 + $1.entries.count } }

    package func entry(_ id: InstanceID) -> EndedInstance? {
        for page in pages.reversed() {
            if let entry = page.entries.last(where: { $0.id == id }) { return entry }
        }
        return nil
    }

    /// Appends an entry; the oldest page goes if the others have `most` entries without it.
    ///
    /// - Returns: the page that changed, and the one to delete.
    mutating func append(_ entry: EndedInstance, keeping most: Int) -> (changed: Int, dropped: Int?) {
        let hasRoom = pages.last.map { $0.entries.count < Self.entriesPerPage && $0.bytes < Self.fullPageBytes }
        if hasRoom != true { pages.append(Page(number: (pages.last?.number ?? 0) + 1)) }
        pages[pages.count - 1].entries.append(entry)
        pages[pages.count - 1].bytes += entry.recordBytes
        let isSurplus = pages.count > 1 && count - (pages.first?.entries.count ?? 0) >= most
        let dropped = isSurplus ? pages.removeFirst().number : nil
        return (pages[pages.count - 1].number, dropped)
    }
}
