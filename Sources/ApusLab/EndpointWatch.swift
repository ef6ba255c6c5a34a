import ApusClient
package import ApusModel
import ApusTestKit
import Foundation
import Synchronization

/// Looks all the while at where a service is reached, as a gateway does, at each controller: what the leader says, and
/// what any of them says to whom it may be old.
package final class EndpointWatch: Sendable {
    /// How many looks were answered, and what was wrong with them.
    private struct Seen {
        var plain = 0
        var stale = 0
        var faults: [String] = []
    }

    private static let pause = Duration.milliseconds(250)
    /// A controller that does not lead takes 2 s where ZooKeeper does not answer.
    private static let patience = Duration.seconds(4)
    private static let mostFaults = 10

    private let controllers: [LabCluster.Controller]
    private let app: AppID
    private let least: Int
    private let seen = Mutex(Seen())

    /// In each answer must be so many hosts of the application.
    package init(of controllers: [LabCluster.Controller], app: AppID, least: Int) {
        self.controllers = controllers
        self.app = app
        self.least = least
    }

    /// How often a leader answered.
    package var plainAnswers: Int { seen.withLock(\.plain) }
    /// How often anybody answered who was asked for what may be old.
    package var staleAnswers: Int { seen.withLock(\.stale) }
    /// The first of the answers that lacked hosts: when, whose, and what it was.
    package var faults: [String] { seen.withLock(\.faults) }

    /// Looks until it is cancelled.
    package func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            for controller in controllers {
                for mayBeStale in [false, true] {
                    group.addTask { try await self.look(at: controller, mayBeStale) }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Waits until each controller says so many hosts to whom it may be old.
    package func untilAllKnow(_ count: Int) async throws {
        for controller in controllers {
            let what = "\(controller.api.endpoint) knows all hosts of \(app)"
            try await until(what, log: { controller.process.logTail }) {
                let answer = try await controller.read("endpoints", mayBeStale: true)
                guard answer.status == 200, hosts(in: answer) == count else { throw Unfulfilled("\(answer)") }
            }
        }
    }

    private func look(at controller: LabCluster.Controller, _ mayBeStale: Bool) async throws {
        while true {
            do {
                let answer = try await controller.read("endpoints", mayBeStale: mayBeStale, within: Self.patience)
                note(answer, of: controller, mayBeStale)
            } catch {
                // It is not there, or hangs.
                try Task.checkCancellation()
            }
            try await Task.sleep(for: Self.pause)
        }
    }

    private func note(_ answer: ControllerReading, of controller: LabCluster.Controller, _ mayBeStale: Bool) {
        guard answer.status == 200 else { return }
        let count = hosts(in: answer)
        seen.withLock { seen in
            if mayBeStale { seen.stale += 1 } else { seen.plain += 1 }
            guard count < least, seen.faults.count < Self.mostFaults else { return }
            let asked = mayBeStale ? ", asked for what may be old," : ""
            seen.faults.append(
                "\(Date()): \(controller.api.endpoint)\(asked) knew \(count) hosts of \(app), not \(least): \(answer)"
            )
        }
    }

    /// None if the application is not there either.
    private func hosts(in answer: ControllerReading) -> Int {
        guard case .array(let apps)? = answer.data,
            case .array(let hosts)? = apps.first(where: { $0["appId"]?.text == app.rawValue })?["hosts"]
        else { return 0 }
        return hosts.count
    }
}
