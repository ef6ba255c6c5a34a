import ApusClient
import ApusModel
import ArgumentParser

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

struct AppsShow: AsyncParsableCommand {
    /// So many ended instances are shown.
    static let endedShown = 10

    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one application with its instances and what became of earlier ones."
    )

    @OptionGroup var app: AppArgument

    @OptionGroup var api: APIOptions

    func run() async throws {
        let (client, app) = (try api.client, try await app.known(api))
        try await callingAPI {
            let application = try await client.application(app)
            let instances = try await client.instances(of: app)
            let ended = try await client.endedInstances(of: app, atMost: Self.endedShown)
            if api.json {
                let all: JSON = .members([
                    "application": application.json, "instances": .array(instances.map(\.json)),
                    "ended": .array(ended.map(\.json)),
                ])
                Output.line(all.serialized)
            } else {
                Self.show(application, instances, ended)
            }
        }
    }

    private static func show(
        _ application: ApplicationSummary,
        _ instances: [InstanceSummary],
        _ ended: [InstanceSummary]
    ) {
        Output.line("\(application.id): \(application.state)")
        Output.line("expected \(application.expected), running \(application.running), healthy \(application.healthy)")
        for line in application.facts { Output.line(line) }
        if !instances.isEmpty {
            Output.line("")
            Output.table([["INSTANCE", "STATE", "AGE", "ADDRESS", "NOTE"]] + instances.map(row))
        }
        if !ended.isEmpty {
            Output.line("")
            Output.table([["ENDED", "STATE", "AGO", "ADDRESS", "ERROR"]] + ended.map(endedRow))
        }
    }

    static func row(_ instance: InstanceSummary) -> [String] {
        let note = [instance.progress, instance.error].filter { !$0.isEmpty }.joined(separator: "; ")
        return [instance.id.rawValue, instance.state, age(of: instance.created), instance.addresses, note]
    }

    static func endedRow(_ instance: InstanceSummary) -> [String] {
        [instance.id.rawValue, instance.state, age(of: instance.updated), instance.addresses, instance.error]
    }

    static func age(of time: WallTime) -> String {
        let seconds = max(0, Int64(Date().timeIntervalSince1970) - time.milliseconds / 1000)
        switch seconds {
        case ..<120: return "\(seconds)s"
        case ..<7200: return "\(seconds / 60)m"
        case ..<172_800: return "\(seconds / 3600)h"
        default: return "\(seconds / 86_400)d"
        }
    }
}

extension WallTime {
    /// Until then, by this machine's clock.
    var secondsLeft: Int64 { max(0, milliseconds / 1000 - Int64(Date().timeIntervalSince1970)) }
}

extension ApplicationSummary {
    /// What is under way with it, and what stands in the way.
    var facts: [String] {
        var facts: [String] = []
        if let operation {
            facts.append("operation: \(operation.type) under way for \(operation.spentMilliseconds / 1000) s")
        }
        if let last = lastOperation {
            facts.append("last operation: \(last.type) \(last.outcome)\(last.reason.isEmpty ? "" : ", \(last.reason)")")
        }
        if let backoff {
            let wait = backoff.waitMilliseconds > 0 ? ", next try in \(backoff.waitMilliseconds / 1000 + 1) s" : ""
            facts.append("\(backoff.text)\(wait): \(backoff.reason)")
        }
        if let shortfall { facts.append("no room: \(shortfall)") }
        return facts
    }
}

extension InstanceSummary {
    /// Where its ports are reached.
    var addresses: String {
        ports.isEmpty ? "-" : ports.map { "\(hostname):\($0.hostPort)" }.joined(separator: " ")
    }
}
