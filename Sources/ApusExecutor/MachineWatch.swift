import ApusClient
import ApusContainers
import ApusAgent
package import ApusModel
package import Logging
import Synchronization

/// Describes this machine, when the executor starts and again and again while it runs.
package struct MachineWatch: Sendable {
    /// Where the container engine keeps everything; `nil` if it does not say.
    package typealias DataRoot = @Sendable () async throws -> String?

    /// Of one look at the engine or the machine: at the start containers wait for it.
    private static let patience = Duration.seconds(2)

    private let settings: ExecutorSettings
    private let kernelRoot: String
    private let dataRoot: DataRoot
    private let facts: FactBook
    private let logger: Logger
    private let disks = Lookups(limit: 1)
    /// Of the file system with the container engine's data, when it was looked at last.
    private let containerSpace = Space()

    private final class Space: Sendable {
        private let last = Mutex<FileSystemSpace?>(nil)

        func withLock<Value: Sendable>(_ body: (inout sending FileSystemSpace?) -> sending Value) -> Value {
            last.withLock(body)
        }
    }

    /// `kernelBelow` stands before `/sys` and `/proc`, for tests.
    package init(
        _ settings: ExecutorSettings,
        kernelBelow root: String = "",
        logger: Logger,
        dataRoot: @escaping DataRoot
    ) {
        self.settings = settings
        kernelRoot = root
        self.dataRoot = dataRoot
        self.logger = logger
        facts = FactBook(settings.hardware.facts, logger: logger)
    }

    /// What was found by one look, and what was amiss.
    private struct Look {
        var description: NodeDescription
        var disk: Int64?
        var trouble = ""
        var factsAt: Moment
    }

    /// With what is on the disk that containers write to; as it is while nobody can tell.
    package func complete(_ load: NodeLoad?) -> NodeLoad? {
        guard var load, let space = containerSpace.withLock({ $0 }) else { return load }
        load.totalDiskMB = space.total >> 20
        load.freeDiskMB = space.free >> 20
        return load
    }

    /// The first description; `topology` is what the kernel told.
    ///
    /// - Throws: `ExecutorError` if no leader would take it.
    package func first(_ topology: Topology) async throws -> NodeDescription {
        await facts.refresh()
        let description = describe(topology, disk: await disk(before: nil))
        if let fault = description.fault {
            throw ExecutorError("what this machine offers or is called cannot be published: \(fault)")
        }
        return description
    }

    /// Looks again and again, until the task is cancelled; `changed` is given each description that is not the last.
    package func run(after first: NodeDescription, changed: @Sendable (NodeDescription) async -> Void) async {
        let hardware = settings.hardware
        var look = Look(
            description: first,
            disk: first.topology.quantities[Topology.disk],
            factsAt: Times.current.now
        )
        var lookedAt = look.factsAt
        while !Task.isCancelled {
            let now = Times.current.now
            let facts = hardware.facts.interval.map { look.factsAt + $0 - now } ?? hardware.interval
            let machine = lookedAt + hardware.interval - now
            do { try await Task.sleep(for: max(.zero, min(facts, machine))) } catch { return }
            let before = look.description
            lookedAt = Times.current.now
            await again(&look)
            guard !Task.isCancelled, look.description != before else { continue }
            logger.notice("what this machine offers or is called has changed")
            await changed(look.description)
        }
    }

    private func again(_ look: inout Look) async {
        if let interval = settings.hardware.facts.interval, look.factsAt + interval <= Times.current.now {
            look.factsAt = Times.current.now
            await facts.refresh()
        }
        look.disk = await disk(before: look.disk)
        var trouble = ""
        do {
            let kernelRoot = kernelRoot
            let topology = try await disks.run(within: Self.patience, doing: "looking at the machine") { [settings] in
                try Topology(kernelBelow: kernelRoot, offering: settings.hardware, sharing: settings.sharing)
            }
            trouble = take(describe(topology, disk: look.disk), &look)
        } catch {
            // What it is called is told all the same.
            trouble = take(describe(look.description.topology, disk: look.disk), &look)
            if trouble.isEmpty { trouble = "\(error)" }
        }
        if !trouble.isEmpty, trouble != look.trouble {
            logger.warning("this machine is offered as it was before", metadata: ["error": "\(trouble)"])
        }
        look.trouble = trouble
    }

    /// - Returns: what is amiss with it; nothing if it is taken.
    private func take(_ description: NodeDescription, _ look: inout Look) -> String {
        guard let fault = description.fault else {
            look.description = description
            return ""
        }
        return fault
    }

    private func describe(_ topology: Topology, disk: Int64?) -> NodeDescription {
        let (traits, told) = (settings.traits, facts.values)
        var topology = topology
        topology.quantities = traits.quantities
        if topology.quantities[Topology.disk] == nil { topology.quantities[Topology.disk] = disk }
        var metadata = traits.metadata
        for case (.metadata(let key), let value) in told { metadata[key] = value }
        for key in settings.hardware.facts.refusedKeys { metadata[key] = nil }
        return NodeDescription(
            topology: topology,
            tags: [settings.hostname] + Set(traits.tags).subtracting([settings.hostname]).sorted(),
            metadata: metadata,
            zone: told[.zone] ?? traits.zone
        )
    }

    /// The size in MB of the file system with the container engine's data; as before while nobody can tell.
    private func disk(before: Int64?) async -> Int64? {
        do {
            let dataRoot = dataRoot
            let root = try await within(Self.patience, doing: "asking for the engine's data root") {
                try await dataRoot()
            }
            guard let root else { return before }
            let space = try await disks.run(within: Self.patience, doing: "looking at \(root)") {
                try FileSystemSpace(holding: root)
            }
            containerSpace.withLock { $0 = space }
            return space.map { $0.total >> 20 }
        } catch {
            containerSpace.withLock { $0 = nil }
            logger.debug("the size of the disk is not known", metadata: ["error": "\(error)"])
            return before
        }
    }
}
