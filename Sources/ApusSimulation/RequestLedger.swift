import ApusEngine
import ApusModel

/// What the clients were promised of applications: what the store must say of each, whatever crashed.
///
/// A request counts from the moment the controller took it. Accepted, it must be in the store from then on; while it
/// is unanswered it may be in the store or not; when the controller crashes, the store decides. Some requests leave
/// more than one outcome open; the store decides when the operation is over.
struct RequestLedger: Sendable {
    /// What the store may say of an application.
    enum Standing: Hashable, Sendable {
        case absent
        case wanted(Int)
        /// As many as this share of the cluster is.
        case share(CapacityShare)
        /// Its operation was cancelled, or is a rollout: as many as were healthy are wanted.
        case unsure
        /// Its end was accepted: it is there with nothing wanted, or gone.
        case leaving
    }

    private struct Open: Sendable {
        let request: RequestID
        let command: Command
    }

    /// More than a client ever wants of one application.
    static let most = 12

    /// An application of which nothing is wanted is destroyed after so long.
    let keeps: Duration

    private var settled: [AppID: Set<Standing>] = [:]
    private var open: [AppID: [Open]] = [:]
    /// The kind of the operation that was accepted last; `nil` if that is not known.
    private(set) var lastKinds: [AppID: String] = [:]
    /// When anything was last asked of it, or its operation ended.
    private var changed: [AppID: WallTime] = [:]
    /// How many were destroyed because nothing was wanted of them for long.
    private(set) var expired = 0

    init(keeps: Duration) { self.keeps = keeps }

    /// What was promised last, leaving out what is not answered yet.
    func standings(of app: AppID) -> Set<Standing> { settled[app] ?? [.absent] }

    /// The applications of which anything was ever taken.
    var applications: [AppID] { Set(settled.keys).union(open.keys).sorted() }

    mutating func taken(_ request: RequestID, _ command: Command) {
        for app in command.apps { open[app, default: []].append(Open(request: request, command: command)) }
    }

    /// Those that an unanswered request may change.
    func applications(of request: RequestID) -> [AppID] {
        open.keys.filter { app in open[app]?.contains { $0.request == request } == true }.sorted()
    }

    /// The answer leaves the controller.
    ///
    /// - Returns: the command, if it was accepted and nothing taken later could hide it.
    mutating func answered(_ request: RequestID, _ outcome: CommandOutcome, store: SimulatedStore) -> Command? {
        guard let command = open.values.joined().first(where: { $0.request == request })?.command else { return nil }
        for app in command.apps {
            open[app]?.removeAll { $0.request == request }
            guard case .accepted = outcome else { continue }
            settled[app] = Self.apply(command, to: standings(of: app))
            if let kind = command.kind { lastKinds[app] = kind }
            if case .application(.create(_, instances: 0, _)) = command { lastKinds[app] = nil }
            changed[app] = store.json(RecordKey(.application, app.rawValue))?.updated ?? changed[app]
        }
        guard case .accepted = outcome, command.apps.allSatisfy({ open[$0]?.isEmpty == true }) else { return nil }
        return command
    }

    /// Everything the store may say of the application now.
    func allowed(_ app: AppID) -> Set<Standing> {
        var standings = standings(of: app)
        for waiting in open[app] ?? [] { standings.formUnion(Self.apply(waiting.command, to: standings)) }
        return standings
    }

    /// The most instances that may be wanted of the application.
    func mostWanted(_ app: AppID) -> Int {
        allowed(app).reduce(0) { most, standing in
            switch standing {
            case .wanted(let count): max(most, count)
            case .share(let share): max(most, share.most)
            case .unsure: Self.most
            case .absent, .leaving: most
            }
        }
    }

    /// The store was put back: what it says is what was promised.
    mutating func restored(_ store: SimulatedStore) {
        (open, settled, lastKinds, changed) = ([:], [:], [:], [:])
        for record in store.all where record.key.kind == .application {
            let json = store.json(record.key)
            let app = AppID(record.key.id)
            let operation = json?["operation"]
            lastKinds[app] = store.lastKind(of: app)
            guard operation?["kind"]?.text != "DESTROY" else {
                settled[app] = [.leaving]
                continue
            }
            changed[app] = json?.updated
            guard !store.isInRollout(app) else {
                settled[app] = [.unsure]
                continue
            }
            settled[app] = Set(
                [
                    Standing(json?["expected"], json?["share"]),
                    Standing(operation?["before"], operation?["shareBefore"]),
                ].compactMap { $0 }
            )
            narrow(app, json, store)
        }
    }

    // MARK: what the store says

    /// The controller crashed: what was not answered is in the store or never will be.
    mutating func crashed(store: SimulatedStore) {
        for app in applications where open[app]?.isEmpty == false {
            let record = store.json(RecordKey(.application, app.rawValue))
            settled[app] = allowed(app)
            open[app] = []
            lastKinds[app] = store.lastKind(of: app)
            narrow(app, record, store)
        }
    }

    /// A record of the application was stored.
    mutating func stored(_ app: AppID, store: SimulatedStore, wall: WallTime) -> String? {
        let record = store.json(RecordKey(.application, app.rawValue))
        if let age = changed[app].map({ wall - $0 }), age >= keeps, settled[app]?.contains(.wanted(0)) == true,
            record.map({ Self.kinds(in: $0).first == "DESTROY" }) ?? true
        {
            (settled[app], lastKinds[app]) = ([.leaving], "DESTROY")
            expired += 1
        }
        changed[app] = record?.updated
        return contradiction(app, store: store)
    }

    /// What the store says wrongly of the application; `nil` if nothing.
    mutating func contradiction(_ app: AppID, store: SimulatedStore) -> String? {
        let record = store.json(RecordKey(.application, app.rawValue))
        let allowed = allowed(app)
        guard allowed.contains(where: { Self.agrees($0, with: record) }) else {
            let stored = record.map { "expected \($0["expected"]?.integer ?? -1)" } ?? "nothing"
            let promised = standings(of: app).map { "\($0)" }.sorted().joined(separator: " or ")
            return "an accepted request is lost: of \(app) the store says \(stored), promised was \(promised)"
        }
        if open[app]?.isEmpty ?? true { narrow(app, record, store) }
        return nil
    }

    /// When no rollback can come any more, nor a rollout go on, the store has chosen.
    private mutating func narrow(_ app: AppID, _ record: JSON?, _ store: SimulatedStore) {
        guard record?["operation"]?["failureStrategy"]?.text != "ROLLBACK", !store.isInRollout(app),
            let standings = settled[app]
        else { return }
        let agreeing = standings.filter { Self.agrees($0, with: record) }
        settled[app] = Set(
            agreeing.map { standing in
                standing == .unsure ? Standing(record?["expected"], record?["share"]) ?? standing : standing
            }
        )
    }

    private static func agrees(_ standing: Standing, with record: JSON?) -> Bool {
        switch standing {
        case .absent: record == nil
        case .wanted(let count): record?["expected"]?.integer == Int64(count) && record?["share"] == nil
        case .share(let share): record?["share"] == share.json
        case .unsure: record?["expected"]?.integer != nil
        case .leaving: record == nil || (record?["expected"]?.integer == 0 && kinds(in: record).contains("DESTROY"))
        }
    }

    /// The kinds of the operation under way and of the last one.
    static func kinds(in record: JSON?) -> [String] {
        ["operation", "lastOperation"].compactMap { record?[$0]?["kind"]?.text }
    }

    // MARK: what requests change

    private static func apply(_ command: Command, to standings: Set<Standing>) -> Set<Standing> {
        if case .application(.create(_, let instances, let opSpec)) = command {
            return opSpec.failureStrategy == .rollback ? [.wanted(instances), .wanted(0)] : [.wanted(instances)]
        }
        if case .application(.createShare(_, let share, let opSpec)) = command {
            return opSpec.failureStrategy == .rollback ? [.share(share), .wanted(0)] : [.share(share)]
        }
        return standings.reduce(into: []) { result, standing in
            switch standing {
            case .absent: result.insert(standing)
            case .leaving:
                // If it is there still, its end had run out of time.
                result.insert(standing)
                result.formUnion(apply(command, toWanted: 0...0, .wanted(0)))
            case .wanted(let count): result.formUnion(apply(command, toWanted: count...count, standing))
            case .share(let share): result.formUnion(apply(command, toWanted: share.least...share.most, standing))
            case .unsure: result.formUnion(apply(command, toWanted: nil, standing))
            }
        }
    }

    /// `counts` is how many may be wanted before it, if that is known.
    private static func apply(
        _ command: Command,
        toWanted counts: ClosedRange<Int>?,
        _ before: Standing
    ) -> Set<Standing> {
        guard case .application(let operation) = command else { return [.unsure] }
        var after: Set<Standing>
        switch operation {
        case .create, .createShare, .recover, .replaceInstances: return [before]
        case .destroy: return [.leaving]
        case .rollout: return [.unsure]
        case .scale(_, let required, _): after = [.wanted(required)]
        case .scaleToShare(_, let share, _): after = [.share(share)]
        case .suspend: after = [.wanted(0)]
        case .startInstances(_, let instances, _):
            after = counts.map { Set($0.map { .wanted($0 + instances) }) } ?? [.unsure]
        case .stopInstances(_, let ids, let skipRespawn, _):
            // Those that are not alive any more are not counted.
            guard skipRespawn, let counts else { return [before] }
            after = Set((max(0, counts.lowerBound - ids.count)...counts.upperBound).map { .wanted($0) })
            after.insert(before)
        }
        if operation.opSpec.failureStrategy == .rollback { after.insert(before) }
        return after
    }
}

extension RequestLedger.Standing {
    /// What a record says is wanted; `nil` if it does not.
    fileprivate init?(_ count: JSON?, _ share: JSON?) {
        if let share {
            do { self = .share(try CapacityShare(json: share)) } catch { return nil }
        } else {
            guard let count = count?.integer else { return nil }
            self = .wanted(Int(count))
        }
    }
}

extension JSON {
    /// When the record was last changed.
    var updated: WallTime? { self["updated"]?.integer.map(WallTime.init(milliseconds:)) }
}

extension WallTime {
    static func - (later: Self, earlier: Self) -> Duration {
        .milliseconds(later.milliseconds - earlier.milliseconds)
    }
}

extension JSON {
    var integer: Int64? {
        guard case .integer(let number) = self else { return nil }
        return number
    }

    /// With one member changed, if there is such a member.
    func replacing(_ key: String, with value: JSON?) -> JSON {
        guard case .object(let members) = self else { return self }
        return .object(
            members.compactMap { member in
                guard member.key == key else { return member }
                return value.map { Member(key, $0) }
            }
        )
    }
}
