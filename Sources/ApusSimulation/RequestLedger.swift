import ApusEngine
import ApusModel

/// What the clients were promised: what the store must say of each application, whatever crashed.
///
/// A request counts from the moment the controller took it. Accepted, it must be in the store from then on; while it
/// is unanswered it may be in the store or not; when the controller crashes, the store decides.
struct RequestLedger: Sendable {
    /// What the store may say of an application.
    enum Standing: Hashable, Sendable {
        case absent
        case wanted(Int)
        /// Its end was accepted: it is there with nothing wanted, or gone.
        case leaving
    }

    private struct Open: Sendable {
        let request: RequestID
        let operation: ApplicationOperation
    }

    private var settled: [AppID: Standing] = [:]
    private var open: [AppID: [Open]] = [:]

    /// What was promised last, leaving out what is not answered yet.
    func standing(of app: AppID) -> Standing { settled[app] ?? .absent }

    /// The applications of which anything was ever taken.
    var applications: [AppID] { Set(settled.keys).union(open.keys).sorted() }

    mutating func taken(_ request: RequestID, _ operation: ApplicationOperation) {
        open[operation.appID, default: []].append(Open(request: request, operation: operation))
    }

    /// The answer leaves the controller.
    ///
    /// - Returns: the operation, if it was accepted and nothing taken later could hide it.
    mutating func answered(_ request: RequestID, _ outcome: CommandOutcome) -> ApplicationOperation? {
        for (app, waiting) in open {
            guard let index = waiting.firstIndex(where: { $0.request == request }) else { continue }
            open[app]?.remove(at: index)
            guard case .accepted = outcome else { return nil }
            settled[app] = Self.apply(waiting[index].operation, to: standing(of: app))
            return open[app]?.isEmpty == true ? waiting[index].operation : nil
        }
        return nil
    }

    /// Everything the store may say of the application now.
    func allowed(_ app: AppID) -> Set<Standing> {
        var standings: Set = [standing(of: app)]
        for waiting in open[app] ?? [] {
            standings.formUnion(standings.map { Self.apply(waiting.operation, to: $0) })
        }
        return standings
    }

    /// The most instances that may be wanted of the application.
    func mostWanted(_ app: AppID) -> Int {
        allowed(app).reduce(0) { most, standing in
            if case .wanted(let count) = standing { max(most, count) } else { most }
        }
    }

    /// The controller crashed: what was not answered is in the store or never will be.
    mutating func crashed(store: SimulatedStore) {
        for app in applications where open[app]?.isEmpty == false {
            let record = store.json(RecordKey(.application, app.rawValue))
            let fitting = allowed(app).filter { Self.agrees($0, with: record) }
            // `leaving` allows most, so it comes first; among the others at most one agrees.
            if let found = fitting.first(where: { $0 == .leaving }) ?? fitting.first { settled[app] = found }
            open[app] = []
        }
    }

    /// What the store says wrongly of the application; `nil` if nothing.
    func contradiction(_ app: AppID, store: SimulatedStore) -> String? {
        let record = store.json(RecordKey(.application, app.rawValue))
        let allowed = allowed(app)
        guard !allowed.contains(where: { Self.agrees($0, with: record) }) else { return nil }
        let stored = record.map { "expected \($0["expected"]?.integer ?? -1)" } ?? "nothing"
        return "an accepted request is lost: of \(app) the store says \(stored), promised was \(standing(of: app))"
    }

    private static func agrees(_ standing: Standing, with record: JSON?) -> Bool {
        switch standing {
        case .absent: record == nil
        case .wanted(let count): record?["expected"]?.integer == Int64(count)
        case .leaving: record == nil || (record?["expected"]?.integer == 0 && kinds(in: record).contains("DESTROY"))
        }
    }

    /// The kinds of the operation under way and of the last one.
    static func kinds(in record: JSON?) -> [String] {
        ["operation", "lastOperation"].compactMap { record?[$0]?["kind"]?.text }
    }

    private static func apply(_ operation: ApplicationOperation, to standing: Standing) -> Standing {
        switch operation {
        case .create(_, let instances, _): .wanted(instances)
        case .scale(_, let required, _): .wanted(required)
        case .suspend: .wanted(0)
        case .destroy: .leaving
        case .recover, .startInstances, .stopInstances, .replaceInstances: standing
        }
    }
}

extension JSON {
    var integer: Int64? {
        guard case .integer(let number) = self else { return nil }
        return number
    }
}
