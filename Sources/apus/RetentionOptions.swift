import ApusEngine
import ApusModel
import ArgumentParser
import Logging

/// How long what has ended is kept (Drove's `options.stale…`).
struct RetentionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("How often is looked for what is too old.", valueName: "time"))
    var staleCheckInterval = "1h"

    @Option(help: ArgumentHelp("Destroy an application of which nothing was wanted for so long.", valueName: "time"))
    var staleAppAge = "7d"

    @Option(help: ArgumentHelp("Forget an instance that ended so long ago.", valueName: "time"))
    var staleInstanceAge = "7d"

    @Option(
        help: ArgumentHelp("Keep at most so many ended instances of an application; 0 means 100.", valueName: "n")
    )
    var maxStaleInstancesCount = 100

    @Option(help: ArgumentHelp("Forget a task that ended so long ago.", valueName: "time"))
    var staleTaskAge = "2d"

    @Option(help: ArgumentHelp("Destroy a local service that was inactive for so long.", valueName: "time"))
    var staleServiceAge = "7d"

    func validate() throws {
        _ = try retention()
    }

    /// - Throws: `ValidationError` naming the option that is out of bounds.
    func retention() throws -> Retention {
        guard (0...4096).contains(maxStaleInstancesCount) else {
            throw ValidationError("--max-stale-instances-count must be 0 to 4096")
        }
        var retention = Retention()
        retention.checkInterval = try Self.span(staleCheckInterval, "--stale-check-interval")
        retention.applications = try Self.span(staleAppAge, "--stale-app-age")
        retention.instances = try Self.span(staleInstanceAge, "--stale-instance-age")
        retention.tasks = try Self.span(staleTaskAge, "--stale-task-age")
        retention.services = try Self.span(staleServiceAge, "--stale-service-age")
        retention.mostInstances = maxStaleInstancesCount == 0 ? 100 : maxStaleInstancesCount
        return retention
    }

    private static func span(_ text: String, _ option: String) throws -> Duration {
        let span: Duration
        do {
            span = try DurationText(parsing: text).duration
        } catch {
            throw ValidationError("\(option): \(error.message)")
        }
        guard span >= .seconds(60) else { throw ValidationError("\(option) must be at least 1 minute") }
        return span
    }
}

extension Retention {
    /// For logs.
    var metadata: Logger.Metadata {
        func seconds(_ span: Duration) -> Logger.MetadataValue { "\(span.components.seconds) s" }
        return [
            "check": seconds(checkInterval), "applications": seconds(applications), "instances": seconds(instances),
            "instances_of_each": "\(mostInstances)", "tasks": seconds(tasks), "services": seconds(services),
        ]
    }
}
