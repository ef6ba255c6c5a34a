import ApusAgent
import ApusContainers
import ApusModel

/// A look at all containers of this executor, and at no others.
struct Inventory: Sendable {
    private static let deadline = Duration.seconds(25)

    let engine: any ContainerEngine
    let cluster: ClusterID
    let executor: ExecutorID

    func take(number: Int) async -> AgentEvent {
        do {
            let selection = ContainerLabels.selection(cluster: cluster, executor: executor)
            let containers = try await within(Self.deadline, doing: "listing containers") {
                try await engine.containers(labels: selection)
            }
            return .inventory(containers.map(FoundContainer.init), number: number)
        } catch {
            return .inventoryFailed(reason: "\(error)", number: number)
        }
    }
}

extension FoundContainer {
    fileprivate init(_ container: EngineContainer) {
        let labels: Labels
        do throws(LabelFault) {
            labels = .ours(FoundLabels(try ContainerLabels(reading: container.labels)))
        } catch {
            labels = .damaged(reason: "\(error)")
        }
        self.init(container: container.id, name: container.name, state: container.state, labels: labels)
    }
}

extension FoundLabels {
    fileprivate init(_ labels: ContainerLabels) {
        // A check without its payload would fail for no fault of the container.
        let checks = labels.checks.flatMap { $0.isWhole ? $0 : nil }
        self.init(
            instance: labels.instance,
            owner: labels.owner,
            appName: labels.appName,
            allocation: labels.allocation,
            ports: labels.ports,
            readiness: checks?.readiness,
            health: checks?.healthcheck,
            hooks: labels.hooks?.hooks ?? [],
            waitBeforeKill: labels.hooks?.waitBeforeKill,
            created: labels.created,
            epoch: labels.epoch
        )
    }
}
