import ApusModel
import ApusTelemetry
import Synchronization

/// How many events there were, of each type (contract §9.1).
final class EventMeters: Sendable {
    private struct State {
        var all: Rates
        var kinds: [ClusterEvent.Kind: Rates]
    }

    private let state: Mutex<State>

    init(at now: Moment) {
        let kinds = ClusterEvent.Kind.allCases.map { ($0, Rates(at: now)) }
        state = Mutex(State(all: Rates(at: now), kinds: Dictionary(uniqueKeysWithValues: kinds)))
    }

    func mark(_ events: [ClusterEvent], at now: Moment) {
        state.withLock { state in
            for event in events {
                state.all.mark(at: now)
                state.kinds[event.kind]?.mark(at: now)
            }
        }
    }

    func samples(at now: Moment) -> [Sample] {
        let path = "com.phonepe.drove.cluster.events"
        let (all, kinds) = state.withLock { ($0.all, $0.kinds) }
        var samples = [Sample(Series("apus.cluster.events.all", path: path), .meter(all.reading(at: now)))]
        for (kind, rates) in kinds {
            let series = Series("apus.cluster.events", ["type": kind.rawValue], path: "\(path).\(kind.rawValue)")
            samples.append(Sample(series, .meter(rates.reading(at: now))))
        }
        return samples
    }
}
