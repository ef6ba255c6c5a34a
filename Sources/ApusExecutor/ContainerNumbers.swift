import ApusContainers
import ApusModel
import ApusTelemetry

/// What an instance's numbers are called: Drove's names (contract §9.2), and labels for who has use for them.
struct InstanceNames: Hashable {
    private let kind: String
    private let name: String
    private let instance: InstanceID

    init(_ owner: Owner, appName: String, _ instance: InstanceID) {
        (kind, name) =
            switch owner {
            case .application: ("applications", appName)
            case .localService: ("localservices", appName)
            case .task(let task): ("tasks", task.source)
            }
        self.instance = instance
    }

    func series(_ number: String) -> Series {
        Series(
            "apus.instance.\(number)",
            ["kind": kind, "name": name, "instance": instance.rawValue],
            path: "com.phonepe.drove.executor.\(kind).\(name).instance.\(instance).\(number)"
        )
    }

    /// What all tasks of one application together are called.
    static func series(_ number: String, ofTasksOf source: String) -> Series {
        Series("apus.tasks.\(number)", ["name": source], path: "com.phonepe.drove.executor.tasks.\(source).\(number)")
    }
}

extension StatsRoster.Entry {
    var names: InstanceNames { InstanceNames(subject.owner, appName: subject.appName, subject.instance) }

    /// Cores, on average between the last two looks; `nil` if there were not two.
    var usedCores: Double? {
        guard let last, let before, last.at > before.at, last.stats.cpuNanoseconds >= before.stats.cpuNanoseconds
        else { return nil }
        return Double(last.stats.cpuNanoseconds - before.stats.cpuNanoseconds)
            / Double((last.at - before.at).nanoseconds)
    }

    /// What it uses; none if it was not measured.
    var samples: [Sample] {
        guard let last else { return [] }
        let names = names
        let (stats, span) = (last.stats, before.map { last.at - $0.at } ?? .zero)
        var samples: [Sample] = []
        func add(_ number: String, _ value: Double) {
            samples.append(Sample(names.series(number), .gauge(value)))
        }
        /// Of what only grows: how much a second, unless it began anew.
        func add(_ number: String, perSecondOf now: Int64, since then: Int64?) {
            guard let then, span > .zero, now >= then else { return }
            add(number, Double(now - then) / span.inSeconds)
        }
        add("nr_throttled", Double(stats.throttledPeriods))
        add("cpu_cores_allocated", Double(subject.cores))
        if let cores = usedCores {
            add("cpu_percentage_overall", cores * 100)
            add("cpu_percentage_per_core", cores * 100 / Double(max(1, subject.cores)))
            // Nanoseconds of processor time in each millisecond.
            add("cpu_absolute_per_ms", cores * 1_000_000)
        }
        add("memory_usage", Double(stats.memory.usedBytes))
        if stats.memory.limitBytes > 0 {
            add("memory_usage_percentage", Double(stats.memory.usedBytes) * 100 / Double(stats.memory.limitBytes))
            add("memory_usage_limit", Double(stats.memory.limitBytes))
        }
        add("memory_allocated", Double(subject.memoryMB) * 1_048_576)
        add("memory_usage_max", Double(mostBytes))
        if let network = stats.network {
            for (word, now, then) in [
                ("tx", network.sent, before?.stats.network?.sent),
                ("rx", network.received, before?.stats.network?.received),
            ] {
                add("network_\(word)_bytes", Double(now.bytes))
                add("network_\(word)_per_sec_bytes", perSecondOf: now.bytes, since: then?.bytes)
                add("network_\(word)_errors", Double(now.errors))
                add("network_\(word)_dropped", Double(now.dropped))
            }
        }
        add("block_io_read_bytes", Double(stats.blockReadBytes))
        add("block_io_write_bytes", Double(stats.blockWrittenBytes))
        if let processes = stats.processes { add("current_pid_usage", Double(processes)) }
        return samples
    }
}
