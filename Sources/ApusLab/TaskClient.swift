package import ApusClient
import ApusModel

/// A client that asks for short tasks all the while, so that some were just accepted and some run, whatever happens.
package struct TaskClient: Sendable {
    private static let pause = Duration.milliseconds(100)
    private static let patience = Duration.seconds(5)
    /// About so many are under way at most.
    private static let most = 20

    let controllers: [APIClient]
    let tasks: TaskLedger

    package init(of controllers: [APIClient], tasks: TaskLedger) {
        self.controllers = controllers
        self.tasks = tasks
    }

    /// Asks until it is cancelled; whoever did not accept is not asked the next time.
    package func run(seed: UInt64) async throws {
        var random = SplitMix64(seed: seed)
        var asked = 0
        var underWay: Set<TaskID> = []
        while true {
            let controller = controllers[asked % controllers.count]
            do {
                if underWay.count >= Self.most { underWay.formIntersection(try await listed(by: controller)) }
                if underWay.count < Self.most {
                    let span = Duration.milliseconds(Int64.random(in: 100...3_000, using: &random))
                    underWay.insert(try await patiently { try await tasks.run(for: span, on: controller) })
                }
            } catch is ClientError {
                asked += 1
            }
            try await Task.sleep(for: Self.pause)
        }
    }

    private func listed(by controller: APIClient) async throws -> Set<TaskID> {
        Set(try await patiently { try await controller.tasks().map(\.id) })
    }

    private func patiently<Value: Sendable>(
        _ call: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let late = { @Sendable in ClientError(.timedOut, "no answer within \(Self.patience)") }
        return try await withDeadline(Self.patience, late: late, call)
    }
}
