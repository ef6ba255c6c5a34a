package import ApusClient
package import ApusModel
import Synchronization

/// Short tasks that were asked of a cluster, and what must therefore be found at the end.
package final class TaskLedger: Sendable {
    package enum Fate: Hashable, Sendable {
        case accepted, refused
        /// The answer did not come: it may have been accepted.
        case unknown
    }

    private let source: String
    private let image: String
    private let fates = Mutex<[TaskID: Fate]>([:])

    package init(source: String, image: String) {
        self.source = source
        self.image = image
    }

    /// Asks for one more task, which ends well after that time.
    @discardableResult
    package func run(for span: Duration, on controller: APIClient) async throws -> TaskID {
        let id = fates.withLock { fates in
            let id = TaskID(source: source, name: "T\(fates.count + 1)")
            fates[id] = .unknown
            return id
        }
        do {
            try await controller.operateTask(operation(id, span))
        } catch {
            if RegisterHistory.Outcome(error) == .refused { fates.withLock { $0[id] = .refused } }
            throw error
        }
        fates.withLock { $0[id] = .accepted }
        return id
    }

    /// Asks for one more, and tells what came of that.
    package func ask(for span: Duration, on controller: APIClient) async -> Fate {
        do {
            try await run(for: span, on: controller)
            return .accepted
        } catch {
            return RegisterHistory.Outcome(error) == .refused ? .refused : .unknown
        }
    }

    package var accepted: Int { fates.withLock { $0.values.count { $0 == .accepted } } }

    /// Those accepted of which no engine knows.
    package func neverStarted(in containers: ContainerRecord) -> [TaskID] {
        let starts = containers.taskStarts
        return fates.withLock { $0 }.filter { $1 == .accepted && starts[$0] == nil }.keys.sorted()
    }

    /// What is not as it must be: those accepted start once, the others at most once or not at all.
    ///
    /// Of those in `lost` callers were told that they never ran.
    package func faults(in containers: ContainerRecord, lost: Set<TaskID> = []) -> [String] {
        let allStarts = containers.taskStarts
        return fates.withLock { $0 }.sorted { $0.key < $1.key }.compactMap { id, fate in
            let starts = allStarts[id] ?? 0
            switch fate {
            case .accepted where starts == (lost.contains(id) ? 0 : 1), .unknown where starts <= 1,
                .refused where starts == 0:
                return nil
            case .accepted, .unknown, .refused: return "\(id) was \(fate), and started \(starts) times"
            }
        }
    }

    private func operation(_ id: TaskID, _ span: Duration) -> JSON {
        [
            "type": "CREATE", "opSpec": ["timeout": "2m", "parallelism": 1, "failureStrategy": "STOP"],
            "spec": [
                "sourceAppName": .string(id.source), "taskId": .string(id.name),
                "executable": ["type": "DOCKER", "url": .string(image), "dockerPullTimeout": "20 seconds"],
                "resources": [["type": "CPU", "count": 1], ["type": "MEMORY", "sizeInMB": 16]],
                "args": ["sh", "-c", .string("sleep \(span.inSeconds)")],
            ],
        ]
    }
}
