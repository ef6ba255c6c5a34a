package import ApusAgent
import ApusClient
package import ApusContainers
package import ApusModel
package import ApusTelemetry
import CoreMetrics
import Synchronization

/// Measures what containers use, each every half minute and never many at once.
///
/// It has nothing to do with keeping them: a container that the engine does not answer for has no values, and nobody
/// waits for it.
package final class StatsWatch: Sendable {
    /// Reads what a container uses; `nil` if it does not run.
    package typealias Read = @Sendable (ContainerID) async throws -> ContainerStats?

    /// For one reading, with the time that a busy engine takes.
    package static let patience = Duration.seconds(5)
    private static let beat = Duration.seconds(1)
    /// Readings at once; while the engine hangs the others wait, and have no new values.
    private static let mostAtOnce = 4
    /// Readings begun or waiting.
    private static let mostUnderWay = 32

    private let read: Read
    private let metrics: MetricRegistry
    private let logs: LogMeters
    private let roster = Mutex(StatsRoster())
    /// The containers that were heard of last, until it is known which are whose.
    private let found = Mutex<[FoundContainer]>([])
    private let unanswered: Counter

    package init(metrics: MetricRegistry, logs: LogMeters, read: @escaping Read) {
        self.metrics = metrics
        self.logs = logs
        self.read = read
        unanswered = Counter(label: "apus.executor.stats.unanswered", dimensions: [], factory: metrics)
        metrics.describe(["apus.executor.stats.unanswered": "Containers that could not be measured, each time."])
        metrics.add { [self] now in samples(at: now) }
    }

    /// What the agent hears tells which containers there are; `judged` says whose they are.
    package func hear(_ event: AgentEvent) {
        switch event {
        case .inventory(let listed, number: _): found.withLock { $0 = listed }
        case .containerExited(let container, code: _, outOfMemory: _):
            found.withLock { found in found.removeAll { $0.container == container } }
            roster.withLock { $0.ended(container) }
        case .command, .outcome, .progress, .exitsMissed, .inventoryFailed, .described, .storageTried,
            .reportAnswered, .reportFailed, .tick, .recordFailed:
            break
        }
    }

    /// The agent has looked at the containers that were heard of last: these are its instances' own.
    package func judged(_ instances: [ContainerID: InstanceReport]) {
        let listed = found.withLock { found in
            defer { found = [] }
            return found
        }
        roster.withLock { $0.list(listed, of: instances, at: metrics.time) }
    }

    /// What each container used when it was measured last; soon it is measured more often.
    package func usage() -> [InstanceUsage] {
        let now = metrics.time
        return roster.withLock { roster in
            roster.watch(at: now)
            return roster.entries.values.map { $0.usage(at: now) }.sorted { $0.instance < $1.instance }
        }
    }

    private func samples(at now: Moment) -> [Sample] {
        let entries = roster.withLock(\.entries)
        var samples = [Sample(Series("apus.executor.containers"), .gauge(Double(entries.count)))]
        for entry in entries.values {
            samples += entry.samples
            let (names, id) = (entry.names, entry.subject.instance)
            guard let (lines, bytes) = logs.reading(of: id, at: now) else { continue }
            for (number, reading) in [("logs_rate", lines), ("logs_size_bytes", bytes)] {
                samples.append(Sample(names.series(number), .meter(reading)))
            }
        }
        for (source, lines, bytes) in logs.ofSources(at: now) {
            samples.append(Sample(InstanceNames.series("logs_rate", ofTasksOf: source), .meter(lines)))
            samples.append(Sample(InstanceNames.series("logs_size_bytes", ofTasksOf: source), .meter(bytes)))
        }
        return samples
    }

    /// Runs until it is cancelled.
    package func run() async {
        let gate = Gate(limit: Self.mostAtOnce)
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                let due = roster.withLock {
                    $0.takeDue(at: metrics.time, beat: Self.beat, mostUnderWay: Self.mostUnderWay)
                }
                for id in due { group.addTask { await self.look(at: id, through: gate) } }
                do { try await Task.sleep(for: Self.beat) } catch { break }
            }
            group.cancelAll()
        }
    }

    private func look(at id: ContainerID, through gate: Gate) async {
        var stats: ContainerStats?
        do {
            stats = try await gate.pass {
                try await within(Self.patience, doing: "reading what a container uses") { try await self.read(id) }
            }
        } catch is CancellationError {
            return
        } catch {
            unanswered.increment()
        }
        roster.withLock { $0.looked(at: id, stats, at: metrics.time) }
    }
}
