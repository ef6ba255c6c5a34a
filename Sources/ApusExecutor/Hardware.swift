import ApusModel

extension ExecutorSettings {
    /// How the machine is described, and what of it is handed out.
    package struct Hardware: Hashable, Sendable {
        package enum Source: Hashable, Sendable {
            case kernel
            /// A file that declares a machine, for tests; containers are bound to none of its cores.
            case declared(path: String)
        }

        package enum NUMA: Hashable, Sendable {
            /// An instance lives in one node, with cores and memory.
            case bound
            /// All nodes are offered as node 0, and memory is left to the kernel.
            case merged
        }

        package var source: Source
        /// They stay with the system.
        package var reservedCores: Set<Int>
        /// Of each node's memory, 1 to 100.
        package var exposedMemoryPercent: Int
        /// How often each megabyte is handed out.
        package var memoryMultiplier: Int
        package var numa: NUMA
        package var facts: Facts
        /// How often the machine is looked at again.
        package var interval: Duration

        package init(
            source: Source = .kernel,
            reservedCores: Set<Int> = [],
            exposedMemoryPercent: Int = 100,
            memoryMultiplier: Int = 1,
            numa: NUMA = .bound,
            facts: Facts = Facts(),
            interval: Duration = .seconds(60)
        ) {
            self.source = source
            self.reservedCores = reservedCores
            self.exposedMemoryPercent = exposedMemoryPercent
            self.memoryMultiplier = memoryMultiplier
            self.numa = numa
            self.facts = facts
            self.interval = interval
        }
    }

    /// Metadata and zone that the machine tells itself.
    package struct Facts: Hashable, Sendable {
        package enum Subject: Hashable, Comparable, Sendable {
            case zone
            case metadata(String)
        }

        package enum Source: Hashable, Sendable {
            /// A variable of the executor's own environment.
            case variable(String)
            /// A program with its arguments, run as it stands; what it prints is the value.
            case program([String])
        }

        package var sources: [Subject: Source]
        /// How often programs run again; `nil`: once.
        package var interval: Duration?
        /// Of a value, in bytes.
        package var longestValue: Int
        /// Metadata of these keys is never published, wherever it comes from.
        package var refusedKeys: Set<String>

        package init(
            sources: [Subject: Source] = [:],
            interval: Duration? = .seconds(60),
            longestValue: Int = NodeReport.longestMetadata,
            refusedKeys: Set<String> = []
        ) {
            self.sources = sources
            self.interval = interval
            self.longestValue = longestValue
            self.refusedKeys = refusedKeys
        }
    }
}

extension ExecutorSettings.Facts.Subject: CustomStringConvertible {
    package var description: String {
        switch self {
        case .zone: "zone"
        case .metadata(let key): "metadata \(key)"
        }
    }
}
