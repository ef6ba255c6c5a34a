package import ApusModel
package import CoreMetrics
import Synchronization

/// All numbers of one process.
///
/// What counts does so through swift-metrics, with this as the factory. What is there already, an instance's memory
/// say, is not kept here: whoever knows it is asked when somebody wants to read it, so nothing stays of what has ended.
package final class MetricRegistry: MetricsFactory, Sendable {
    /// More are not kept: whoever makes names out of what comes from outside must not fill the memory.
    package static let mostSeries = 10_000

    /// Tells numbers as they are now; must not wait for anything.
    package typealias Collector = @Sendable (_ now: Moment) -> [Sample]

    private struct State {
        var cells: [Series: Cell] = [:]
        var collectors: [Collector] = []
        var helps: [String: String] = [:]
        /// Made beyond the most.
        var refused: Int64 = 0
    }

    private let state = Mutex(State())
    private let now: @Sendable () -> Moment

    package init(now: @escaping @Sendable () -> Moment = monotonic()) { self.now = now }

    /// This process's own clock, from 0.
    package static func monotonic() -> @Sendable () -> Moment {
        let start = ContinuousClock.now
        return { Moment(nanoseconds: (ContinuousClock.now - start).nanoseconds) }
    }

    /// The clock of all that is here.
    package var time: Moment { now() }

    /// Has a collector asked whenever somebody reads.
    package func add(_ collector: @escaping Collector) { state.withLock { $0.collectors.append(collector) } }

    /// Says for people what numbers mean, by their names.
    package func describe(_ helps: KeyValuePairs<String, String>) {
        state.withLock { state in
            for (name, help) in helps { state.helps[name] = help }
        }
    }

    package func help(of name: String) -> String? { state.withLock { $0.helps[name] } }

    /// All numbers, by name and then by path.
    package func samples() -> [Sample] {
        let now = now()
        let (cells, collectors, refused) = state.withLock { ($0.cells, $0.collectors, $0.refused) }
        var samples = cells.map { Sample($0.key, $0.value.reading(at: now)) }
        for collector in collectors { samples += collector(now) }
        samples.append(Sample(Series("apus.telemetry.series.refused"), .counter(refused)))
        return samples.sorted { ($0.series.name, $0.series.path) < ($1.series.name, $1.series.path) }
    }

    // MARK: swift-metrics

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        cell(label, dimensions, .counter(0))
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        cell(label, dimensions, .gauge(0))
    }

    /// One that does not aggregate is a gauge; of the others the count, the sum and the greatest value are kept, as if
    /// they were seconds.
    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        cell(label, dimensions, aggregate ? .timing(Timing(at: now())) : .gauge(0))
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        cell(label, dimensions, .timing(Timing(at: now())))
    }

    package func destroyCounter(_ handler: any CounterHandler) { forget(handler) }
    package func destroyMeter(_ handler: any MeterHandler) { forget(handler) }
    package func destroyRecorder(_ handler: any RecorderHandler) { forget(handler) }
    package func destroyTimer(_ handler: any TimerHandler) { forget(handler) }

    private func forget(_ handler: AnyObject) {
        state.withLock { state in
            guard let cell = handler as? Cell, state.cells[cell.series] === cell else { return }
            state.cells[cell.series] = nil
        }
    }

    /// The one of that name, which is made if there is none.
    private func cell(_ name: String, _ dimensions: [(String, String)], _ content: Cell.Content) -> Cell {
        let series = Series(name, dimensions.map { Series.Label(name: $0.0, value: $0.1) })
        let fresh = Cell(series, content, now: now)
        return state.withLock { state in
            if let cell = state.cells[series], cell.isAlike(fresh) { return cell }
            // Whoever counts must be able to, whether or not anybody can see it.
            guard state.cells[series] == nil, state.cells.count < Self.mostSeries else {
                state.refused += 1
                return fresh
            }
            state.cells[series] = fresh
            return fresh
        }
    }
}

/// One number that is counted or set.
private final class Cell: CounterHandler, MeterHandler, RecorderHandler, TimerHandler, Sendable {
    enum Content {
        case counter(Int64)
        case gauge(Double)
        case timing(Timing)
    }

    /// A year, in seconds.
    private static let longestTime = 31_536_000.0

    let series: Series
    private let content: Mutex<Content>
    private let now: @Sendable () -> Moment

    init(_ series: Series, _ content: Content, now: @escaping @Sendable () -> Moment) {
        self.series = series
        self.content = Mutex(content)
        self.now = now
    }

    func isAlike(_ other: Cell) -> Bool {
        switch (content.withLock(\.self), other.content.withLock(\.self)) {
        case (.counter, .counter), (.gauge, .gauge), (.timing, .timing): true
        case (.counter, _), (.gauge, _), (.timing, _): false
        }
    }

    func reading(at now: Moment) -> Sample.Value {
        switch content.withLock(\.self) {
        case .counter(let count): .counter(count)
        case .gauge(let value): .gauge(value)
        case .timing(let timing): .timing(timing.reading(at: now))
        }
    }

    private func change(_ change: (inout Content) -> Void) { content.withLock { change(&$0) } }

    func increment(by amount: Int64) {
        change { content in
            guard case .counter(let count) = content else { return }
            content = .counter(count &+ amount)
        }
    }

    func reset() {
        change { content in
            if case .counter = content { content = .counter(0) }
        }
    }

    func set(_ value: Int64) { set(Double(value)) }

    func set(_ value: Double) { change { $0 = .gauge(value) } }

    func increment(by amount: Double) {
        change { content in
            if case .gauge(let value) = content { content = .gauge(value + amount) }
        }
    }

    func decrement(by amount: Double) { increment(by: -amount) }

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        let moment = now()
        change { content in
            switch content {
            case .gauge: content = .gauge(value)
            case .timing(var timing):
                // Of what is no time at all nothing is kept.
                guard (0...Self.longestTime).contains(value) else { return }
                timing.took(.seconds(value), at: moment)
                content = .timing(timing)
            case .counter: break
            }
        }
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
}
