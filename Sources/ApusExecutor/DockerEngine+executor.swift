import ApusAgent
import ApusClient
package import ApusContainers
package import ApusModel

extension DockerEngine: ContainerEngine {
    /// How many containers are looked at at once.
    private static let inspections = 8

    /// What a container of that name is.
    package func container(named name: String) async throws -> EngineContainer {
        let details = try await inspect(ContainerID(name))
        return EngineContainer(
            id: details.id,
            name: details.name,
            labels: details.labels,
            state: details.foundState ?? .other("removing")
        )
    }

    /// All with these labels; how one ended takes a look at each that does not run.
    package func containers(labels: [String: String]) async throws -> [EngineContainer] {
        let summaries = try await list(labels: labels)
        let gate = Gate(limit: Self.inspections)
        return try await withThrowingTaskGroup(of: EngineContainer?.self) { group in
            for summary in summaries {
                group.addTask {
                    guard !summary.isRunning else {
                        return EngineContainer(
                            id: summary.id,
                            name: summary.name,
                            labels: summary.labels,
                            state: .running
                        )
                    }
                    return try await gate.pass { try await self.ended(summary) }
                }
            }
            var containers: [EngineContainer] = []
            for try await container in group {
                if let container { containers.append(container) }
            }
            return containers.sorted { $0.id < $1.id }
        }
    }

    /// `nil` if it is gone, or about to be.
    private func ended(_ summary: ContainerSummary) async throws -> EngineContainer? {
        do {
            return try await inspect(summary.id).foundState.map {
                EngineContainer(id: summary.id, name: summary.name, labels: summary.labels, state: $0)
            }
        } catch let error as ContainerError where error.code == .notFound {
            return nil
        }
    }

    /// Tells exits out of the engine's events.
    package func followExits(
        labels: [String: String],
        since: WallTime?,
        began: () async -> Void,
        each: (ContainerExit) async -> Void
    ) async throws {
        let events = try await events(labels: labels, since: since)
        await began()
        var outOfMemory: Set<ContainerID> = []
        for try await event in events {
            switch event.kind {
            case .outOfMemory: outOfMemory.insert(event.container)
            case .died(let code):
                // The kernel may have killed another of its processes long before: only a killed first one counts.
                let isKilled = outOfMemory.remove(event.container) != nil && code == 128 + 9
                await each(
                    ContainerExit(
                        container: event.container,
                        code: code,
                        outOfMemory: isKilled,
                        time: event.time
                    )
                )
            // Whatever ran has died before; what never ran is missed by its start.
            case .destroyed: outOfMemory.remove(event.container)
            case .started: break
            }
        }
    }
}

extension ContainerDetails {
    /// `nil` if it is being removed.
    fileprivate var foundState: FoundContainer.State? {
        switch state {
        case .created: .created
        case .running: .running
        case .paused: .other("paused")
        case .restarting: .other("restarting")
        case .removing: nil
        case .exited(let code, let outOfMemory): .exited(code: code, outOfMemory: outOfMemory)
        case .dead: .exited(code: -1, outOfMemory: false)
        case .unknown(let word): .other(word)
        }
    }
}
