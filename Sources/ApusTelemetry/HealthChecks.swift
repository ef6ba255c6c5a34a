package import ApusModel
import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Whether a part of a process does its work.
package enum Health: Hashable, Sendable {
    case healthy
    /// Why not, for people.
    case unhealthy(String)
}

/// What `/healthcheck` asks.
package final class HealthChecks: Sendable {
    /// Says how it is now; must not wait for anything.
    package typealias Check = @Sendable () -> Health

    private let checks = Mutex<[(name: String, check: Check)]>([])

    package init() {}

    package func add(_ name: String, _ check: @escaping Check) { checks.withLock { $0.append((name, check)) } }

    /// By name.
    package var results: [(name: String, health: Health)] {
        checks.withLock(\.self).map { (name: $0.name, health: $0.check()) }.sorted { $0.name < $1.name }
    }

    /// Dropwizard's form, and whether all are healthy.
    package var report: (json: JSON, isHealthy: Bool) {
        let now = Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        let results = results
        let members = results.map { result in
            var message: String?
            if case .unhealthy(let text) = result.health { message = text }
            return JSON.Member(
                result.name,
                .members([
                    "healthy": .bool(message == nil), "message": message.map { .string($0) }, "duration": 0,
                    "timestamp": .string(now),
                ])
            )
        }
        return (.object(members), results.allSatisfy { $0.health == .healthy })
    }
}

/// What a process tells of itself.
package struct Telemetry: Sendable {
    package let metrics: MetricRegistry
    package let health = HealthChecks()
    /// What it is called beside others of its kind: stands at each number, where those have labels.
    package let label: String?

    package init(metrics: MetricRegistry = MetricRegistry(), label: String? = nil) {
        (self.metrics, self.label) = (metrics, label)
    }
}
