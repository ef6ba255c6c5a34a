import ApusClient
import ApusModel
package import ApusTelemetry
import Synchronization

/// This machine in numbers: processors, memory, load, network and disk.
package final class MachineNumbers: Sendable {
    private static let interval = Duration.seconds(10)
    /// For a file system: one whose server is away has no numbers.
    private static let patience = Duration.seconds(1)

    private struct State {
        var before: (reading: MachineReading, at: Moment)?
        var last: (reading: MachineReading, at: Moment)?
    }

    private let root: String
    private let directory: String
    private let logs: String?
    private let metrics: MetricRegistry
    private let space: SpaceReading
    /// One each: while one hangs, the other is measured.
    private let directoryLookups = Lookups(limit: 1)
    private let logLookups = Lookups(limit: 1)
    private let state = Mutex(State())

    /// Measures a file system; it may hang.
    package typealias SpaceReading = @Sendable (_ path: String) throws -> FileSystemSpace?

    /// `directory` is on the file system that is measured, as is `logs` if they are elsewhere; `root` stands before
    /// `/proc` and `/sys`, for tests.
    package init(
        metrics: MetricRegistry,
        directory: String,
        logs: String? = nil,
        kernelBelow root: String = "",
        space: @escaping SpaceReading = { try FileSystemSpace(holding: $0) }
    ) {
        self.metrics = metrics
        self.directory = directory
        self.logs = logs
        self.root = root
        self.space = space
        metrics.add { [self] _ in samples }
    }

    /// Measures again and again, until the task is cancelled.
    package func run(on thread: DiskThread) async {
        while !Task.isCancelled {
            do {
                try await measure(on: thread)
                try await Task.sleep(for: Self.interval)
            } catch {
                return
            }
        }
    }

    /// Reads the kernel's counters on that thread, and asks the file systems on threads of their own.
    ///
    /// - Throws: `CancellationError`.
    package func measure(on thread: DiskThread) async throws {
        var reading = try await thread.run { [root] in MachineReading(kernelBelow: root) }
        let now = metrics.time
        reading.space = try await room(in: directory, directoryLookups)
        if let logs { reading.logSpace = try await room(in: logs, logLookups) }
        let measured = reading
        state.withLock { state in
            state.before = state.last
            state.last = (measured, now)
        }
    }

    private func room(in path: String, _ lookups: Lookups) async throws -> MachineReading.Space? {
        do {
            let found = try await lookups.run(within: Self.patience, doing: "looking at the disk of \(path)") {
                [space] in
                try space(path)
            }
            return found.map { MachineReading.Space(total: $0.total, free: $0.free) }
        } catch let error as CancellationError {
            throw error
        } catch {
            // What does not answer has no value; nothing depends on it.
            return nil
        }
    }

    private var samples: [Sample] {
        let state = state.withLock(\.self)
        guard let (now, at) = state.last else { return [] }
        var samples: [Sample] = []
        func add(_ name: String, _ value: Double) {
            let path = "com.phonepe.drove.executor.machine.\(name)"
            samples.append(Sample(Series("apus.machine.\(name)", path: path), .gauge(value)))
        }
        func add(_ name: String, perSecondOf now: Int64, since then: Int64?, _ span: Duration) {
            guard let then, now >= then, span > .zero else { return }
            add("\(name)_per_sec_bytes", Double(now - then) / span.inSeconds)
        }
        let (before, span) = (state.before?.reading, state.before.map { at - $0.at } ?? .zero)
        if let ticks = now.ticks {
            add("cpu_cores", Double(ticks.processors))
            if let then = before?.ticks, ticks.all > then.all, ticks.idle >= then.idle {
                let idle = min(1, Double(ticks.idle - then.idle) / Double(ticks.all - then.all))
                add("cpu_percentage", (1 - idle) * 100)
            }
        }
        for (name, load) in zip(["load_1m", "load_5m", "load_15m"], now.load) { add(name, load) }
        if let memory = now.memory {
            add("memory_total", Double(memory.total))
            add("memory_available", Double(memory.free))
            add("memory_usage_percentage", memory.usedPercent)
        }
        if let network = now.network {
            add("network_rx_bytes", Double(network.incoming))
            add("network_tx_bytes", Double(network.outgoing))
            add("network_rx", perSecondOf: network.incoming, since: before?.network?.incoming, span)
            add("network_tx", perSecondOf: network.outgoing, since: before?.network?.outgoing, span)
        }
        if let disk = now.disk {
            add("disk_read_bytes", Double(disk.incoming))
            add("disk_write_bytes", Double(disk.outgoing))
            add("disk_read", perSecondOf: disk.incoming, since: before?.disk?.incoming, span)
            add("disk_write", perSecondOf: disk.outgoing, since: before?.disk?.outgoing, span)
        }
        for (name, space) in [("disk", now.space), ("log_disk", now.logSpace)] {
            guard let space else { continue }
            add("\(name)_total", Double(space.total))
            add("\(name)_free", Double(space.free))
            add("\(name)_usage_percentage", space.usedPercent)
        }
        return samples
    }
}

extension MachineReading.Space {
    fileprivate var usedPercent: Double { total > 0 ? Double(total - free) * 100 / Double(total) : 0 }
}
