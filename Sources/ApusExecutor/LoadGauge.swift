package import ApusModel
package import Logging
import Synchronization

/// Measures what is free on this machine between one heartbeat and the next.
package final class LoadGauge: Sendable {
    private static let interval = Duration.seconds(2)

    /// What the processors have done since the machine started, in ticks of all together.
    struct Ticks: Hashable, Sendable {
        var idle: UInt64
        var all: UInt64
        var processors: Int
    }

    /// In MB.
    struct Memory: Hashable, Sendable {
        var total: Int64
        var free: Int64
    }

    fileprivate struct State {
        var ticks: Ticks?
        var load: NodeLoad?
        var isUnreadable = false
    }

    private let root: String
    private let logger: Logger
    private let state = Mutex(State())

    /// `root` stands before `/proc`, for tests.
    package init(kernelBelow root: String = "", logger: Logger) {
        self.root = root
        self.logger = logger
    }

    /// What was free when it was measured last; `nil` until it was measured twice, and while it cannot be.
    package var load: NodeLoad? { state.withLock { $0.load } }

    /// Measures again and again, until the task is cancelled.
    func run(on thread: DiskThread) async {
        while !Task.isCancelled {
            do {
                try await thread.run { self.measure() }
                try await Task.sleep(for: Self.interval)
            } catch {
                return
            }
        }
    }

    /// Reads the kernel's counters; blocks its thread.
    package func measure() {
        let reading: Result<(ticks: Ticks, memory: Memory), any Error>
        do {
            reading = .success((try Self.ticks(try text("/proc/stat")), try Self.memory(try text("/proc/meminfo"))))
        } catch {
            reading = .failure(error)
        }
        let trouble = state.withLock { $0.take(reading) }
        if let trouble { logger.warning("what is free here cannot be measured", metadata: ["error": "\(trouble)"]) }
    }

    private func text(_ path: String) throws -> String {
        guard let text = try KernelFile.text(below: root, path) else {
            throw TopologyError(description: "there is no \(root)\(path)")
        }
        return text
    }

    /// From `cpu  <user> <nice> <system> <idle> <iowait> <irq> <softirq> <steal> …` and a line for each processor.
    static func ticks(_ text: String) throws -> Ticks {
        let lines = text.split(separator: "\n").filter { $0.hasPrefix("cpu") }
        // What guests took is in user already.
        let counts = lines.first?.split(separator: " ").dropFirst().prefix(8).compactMap { UInt64($0) } ?? []
        guard counts.count >= 4, lines.count > 1 else {
            throw TopologyError(description: "/proc/stat does not tell what the processors have done")
        }
        let idle = counts[3] &+ (counts.count > 4 ? counts[4] : 0)
        return Ticks(idle: idle, all: counts.reduce(0, &+), processors: lines.count - 1)
    }

    /// In MB, from lines such as `MemAvailable: 24690000 kB`.
    static func memory(_ text: String) throws -> Memory {
        func megabytes(_ label: String) throws -> Int64 {
            let line = text.split(separator: "\n").first { $0.hasPrefix("\(label):") }
            let word = line?.dropFirst(label.count + 1).split(separator: " ").first
            guard let kilobytes = word.flatMap({ Int64($0) }) else {
                throw TopologyError(description: "/proc/meminfo has no line \(label)")
            }
            return kilobytes / 1024
        }
        return Memory(total: try megabytes("MemTotal"), free: try megabytes("MemAvailable"))
    }
}

extension LoadGauge.State {
    /// - Returns: why nothing can be read, the first time.
    fileprivate mutating func take(
        _ reading: Result<(ticks: LoadGauge.Ticks, memory: LoadGauge.Memory), any Error>
    ) -> String? {
        switch reading {
        case .success(let (now, memory)):
            isUnreadable = false
            defer { ticks = now }
            // Counters that stand still, or run backwards, tell nothing new.
            guard let before = ticks, now.all > before.all, now.idle >= before.idle else { return nil }
            let share = min(1, Double(now.idle - before.idle) / Double(now.all - before.all))
            var load = NodeLoad(freeMemoryMB: memory.free, freeCPU: Int(share * Double(now.processors) * 1000))
            load.totalMemoryMB = memory.total
            load.processors = now.processors
            self.load = load
            return nil
        case .failure(let error):
            defer { isUnreadable = true }
            (ticks, load) = (nil, nil)
            return isUnreadable ? nil : "\(error)"
        }
    }
}
