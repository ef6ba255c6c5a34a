import ApusClient
import ApusEngine
import ApusModel
import ApusStore
import Logging

/// What a controller that stands by reaches of the members: it looks at all their ports again and again, and has the
/// others know how many answered.
///
/// A leader that hears few of them asks for that before it gives anybody up.
final class Lookout: Sendable {
    private static let interval: Duration = .seconds(2)
    /// Who has not answered by then is not reached in this round.
    private static let longestRound: Duration = .seconds(4)
    private static let mostAtOnce = 128

    private let cluster: Once<ClusterID>
    private let store: any StateStore
    private let peers: Peers
    private let published: Published
    private let numbers: ControllerNumbers
    private let logger: Logger
    /// `nil`: ports are never looked at.
    private let ask: Controller.Ask?

    init(
        cluster: Once<ClusterID>,
        store: any StateStore,
        peers: Peers,
        published: Published,
        numbers: ControllerNumbers,
        logger: Logger,
        ask: Controller.Ask?
    ) {
        self.cluster = cluster
        self.store = store
        self.peers = peers
        self.published = published
        self.numbers = numbers
        self.logger = logger
        self.ask = ask
    }

    /// Looks while this controller does not lead, until cancelled; also while one that led cannot leave its place in the
    /// line, since the store is away.
    func run() async {
        var rounds = Rounds()
        while !Task.isCancelled {
            let next = ContinuousClock.now + Self.interval
            if published.lead == nil { await look(&rounds) }
            // try?: cancelled means that the loop ends.
            try? await Task.sleep(until: next)
        }
    }

    /// What is known from one round to the next.
    private struct Rounds {
        var records: [Record] = []
        var probes: [Probe] = []
        var reached: Set<ExecutorID> = []

        /// Members' records seldom change.
        mutating func take(_ records: [Record]) throws(JSONError) {
            guard records != self.records else { return }
            probes = try Probe.all(in: records)
            self.records = records
        }
    }

    private func look(_ rounds: inout Rounds) async {
        do {
            try rounds.take(try await store.list(.member))
            numbers.standsBy(troubledBy: "")
        } catch {
            return numbers.standsBy(troubledBy: "\(error)")
        }
        guard let ask, let cluster = cluster.value else { return }
        // Those that were reached before come first: it must not hang on many that do not answer whether they are again.
        let known = rounds.reached
        let probes =
            rounds.probes.filter { known.contains($0.executor) }
            + rounds.probes.filter { !known.contains($0.executor) }
        rounds.reached = await Self.reached(of: probes, in: cluster, ask)
        do throws(StoreError) {
            try await peers.tell(reached: rounds.reached.count)
        } catch {
            // It is told again soon; what was told before counts for a few seconds only.
            logger.debug("what is reached could not be told", metadata: ["error": "\(error)"])
        }
    }

    /// Those that answer as themselves.
    private static func reached(
        of probes: [Probe],
        in cluster: ClusterID,
        _ ask: @escaping Controller.Ask
    ) async -> Set<ExecutorID> {
        let end = ContinuousClock.now + longestRound
        return await withTaskGroup(of: ExecutorID?.self) { group in
            var reached: Set<ExecutorID> = []
            var underWay = 0
            for probe in probes where ContinuousClock.now < end {
                if underWay >= mostAtOnce {
                    if case .some(let executor?) = await group.next() { reached.insert(executor) }
                    underWay -= 1
                }
                group.addTask { await answers(probe, in: cluster, ask) ? probe.executor : nil }
                underWay += 1
            }
            for await case let executor? in group { reached.insert(executor) }
            return reached
        }
    }

    /// Whether the member itself answers at its port; within two seconds it is known.
    private static func answers(_ probe: Probe, in cluster: ClusterID, _ ask: Controller.Ask) async -> Bool {
        do {
            let pong = try await ask(probe.baseURL)
            return pong.cluster == cluster && pong.executor == probe.executor
        } catch {
            // Why not is the leader's to tell.
            return false
        }
    }
}
