import ApusEngine
import ApusModel
import ApusPlacement
import HashTreeCollections

/// A task in any state, as Drove's TaskInfo.
struct TaskView: Sendable {
    /// Where it runs, or ran.
    private struct Place {
        var instance: InstanceID
        var executor: ExecutorID
        var hostname: String
        var allocation: ResourceAllocation
    }

    let state: InstanceState
    private let run: TaskRun
    private let place: Place?
    private let error: String
    private let cause: EndCause?
    /// How far its executor has come with what takes long.
    private var progress: String?
    private let updated: WallTime

    init(_ run: TaskRun, in cluster: ClusterState) {
        self.run = run
        switch run.phase {
        case .unplaced:
            place = nil
            state = .pending
            error = run.shortfall.map { "it waits for room: \($0.text)" } ?? ""
            cause = nil
            updated = run.updated
        case .placed(let id):
            // There is one for as long as it is placed.
            let instance = cluster.instances[id]
            place = instance.map { instance in
                let hostname = cluster.members[instance.executor]?.hostname ?? ""
                return Place(
                    instance: id,
                    executor: instance.executor,
                    hostname: hostname,
                    allocation: instance.allocation
                )
            }
            state = run.shownState(live: instance)
            error = instance?.error ?? ""
            cause = instance?.cause
            progress = instance?.progressText
            updated = max(run.updated, instance?.updated ?? run.updated)
        case .ended(let end):
            place = end.place.map { place in
                Place(
                    instance: place.instance,
                    executor: place.executor,
                    hostname: place.hostname,
                    allocation: place.allocation
                )
            }
            state = end.state
            error = end.error
            cause = end.cause
            updated = run.updated
        }
    }

    var isActive: Bool { InstanceState.activeOfTasks.contains(state) }
    /// For the order of lists.
    var age: (WallTime, TaskID) { (run.created, run.id) }

    /// What has become of it, for people.
    var lines: [String] {
        let name = "\(run.spec.sourceAppName)/\(run.spec.taskID)"
        if let end = run.end {
            let why = end.error.isEmpty ? "" : ": \(end.error)"
            return ["\(name) has ended, \(end.result.rawValue)\(why)"]
        }
        guard let place else { return ["\(name) waits for a place, at most \(run.timeout.text)"] }
        return ["\(name) is \(state.rawValue) on \(place.hostname)"] + (error.isEmpty ? [] : [error])
    }

    /// Every key but `taskResult`, `cause` and `progress` is always there, empty where nothing is known yet: clients count
    /// on it.
    var json: JSON {
        .members([
            "sourceAppName": .string(run.spec.sourceAppName), "taskId": .string(run.spec.taskID),
            "instanceId": place?.instance.json ?? "", "executorId": place?.executor.json ?? "",
            "hostname": .string(place?.hostname ?? ""), "executable": run.spec.executable.json,
            "resources": place?.allocation.shown ?? Self.noResources,
            "volumes": .array(run.spec.volumes.map(\.json)), "loggingSpec": (run.spec.logging ?? .standard).json,
            "env": .strings(run.spec.env), "state": .string(state.rawValue), "metadata": .object([]),
            "taskResult": run.end?.resultJSON, "errorMessage": .string(error), "created": run.created.json,
            "updated": updated.json, "cause": cause?.json, "progress": progress.map { .string($0) },
        ])
    }

    /// Both entries, so that a client that prints them as columns keeps its columns.
    private static let noResources: JSON = .array([
        .members(["type": "CPU", "cores": .object([])]), .members(["type": "MEMORY", "memoryInMB": .object([])]),
    ])
}

extension TaskEnd {
    fileprivate var resultJSON: JSON {
        .members(["status": .string(result.rawValue), "exitCode": .integer(exitCode)])
    }
}
