package import ApusClient
package import ApusModel

/// Clients that read and change the expected counts of applications, all at once, and follow the leader as it changes.
package struct CountClients: Sendable {
    /// Before a client asks again; it is longer where nobody knows what came of it, since each such change may take place
    /// at any time and so explains much.
    private static let (pause, longPause) = (Duration.milliseconds(20), Duration.milliseconds(200))
    private static let patience = Duration.seconds(5)

    let controllers: [APIClient]
    let apps: [AppID]
    let counts: ClosedRange<Int>
    let history: RegisterHistory

    /// Each expected count is a register of `history`, by the application's id.
    package init(of controllers: [APIClient], apps: [AppID], counts: ClosedRange<Int>, history: RegisterHistory) {
        self.controllers = controllers
        self.apps = apps
        self.counts = counts
        self.history = history
    }

    /// So many clients ask until they are cancelled.
    package func run(_ clients: Int, seed: UInt64) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            for client in 0..<clients {
                group.addTask { try await ask(as: client, SplitMix64(seed: seed &+ UInt64(client))) }
            }
            try await group.waitForAll()
        }
    }

    private func ask(as client: Int, _ random: SplitMix64) async throws {
        var random = random
        var asked = client
        while true {
            guard let app = apps.randomElement(using: &random) else { return }
            let controller = controllers[asked % controllers.count]
            let outcome: RegisterHistory.Outcome
            if Bool.random(using: &random) {
                outcome = await history.read(app.rawValue, by: client) {
                    try await patiently { try await controller.application(app).expected }
                }
            } else {
                let count = Int.random(in: counts, using: &random)
                outcome = await history.write(count, to: app.rawValue, by: client) {
                    try await patiently { try await controller.scale(app, to: count) }
                }
            }
            // It may not be the leader, or not there.
            if outcome != .done { asked += 1 }
            try await Task.sleep(for: outcome == .unknown ? Self.longPause : Self.pause)
        }
    }

    private func patiently<Value: Sendable>(
        _ call: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let late = { @Sendable in ClientError(.timedOut, "no answer within \(Self.patience)") }
        return try await withDeadline(Self.patience, late: late, call)
    }
}

extension APIClient {
    /// Asks for another number of instances.
    package func scale(_ app: AppID, to count: Int) async throws {
        _ = try await operate([
            "type": "SCALE", "appId": app.json, "requiredInstances": .integer(Int64(count)),
            "opSpec": ["timeout": "2m", "parallelism": 10, "failureStrategy": "STOP"],
        ])
    }
}
