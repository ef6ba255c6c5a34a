import ApusClient
import ApusModel

/// One version of an application takes the place of another: asked for, and watched to its end.
struct RolloutRun {
    let client: APIClient
    let from: AppID
    let to: AppID
    private let follower: Follower

    init(_ api: APIOptions, from: AppID, to: AppID) throws {
        client = try api.client
        self.from = from
        self.to = to
        follower = Follower(name: "\(to)", command: "apus status \(to)", isQuiet: api.json)
    }

    /// Asks for it and, if `waiting`, follows it.
    ///
    /// - Returns: the new version as it is then.
    /// - Throws: `CommandFailure` if it was refused or failed.
    func perform(_ count: InstanceCount, _ opSpec: JSON, waiting: Bool) async throws -> ApplicationSummary {
        let rollout: JSON = .members([
            "type": "ROLLOUT", "appId": to.json, "from": from.json, "requiredInstances": count.json, "opSpec": opSpec,
        ])
        return try await callingAPI {
            try await interruptible("No longer waiting; \(follower.gone)") {
                let watch = OperationWatch(type: "ROLLOUT", before: try await client.application(to))
                _ = try await client.operate(rollout)
                guard waiting else { return try await client.application(to) }
                let end = try await follower.follow(watch) {
                    Rollout(to: try await client.application(to), from: try await client.application(from))
                }
                guard let end else { throw follower.goneMeanwhile }
                return end.to
            }
        }
    }
}

/// Two versions of an application, one of which takes the place of the other.
struct Rollout: Followed {
    var to: ApplicationSummary
    var from: ApplicationSummary

    var operation: ApplicationSummary.UnderWay? { to.operation }
    var lastOperation: ApplicationSummary.Ended? { to.lastOperation }

    var progress: [String] {
        var lines = [
            "\(to.id): healthy \(to.healthy) of \(to.expected); \(from.id): healthy \(from.healthy) of \(from.expected)"
        ]
        if let reason = to.json["operation"]?["rollingBack"]?.text { lines.append("  it is taken back: \(reason)") }
        return lines + to.progress.dropFirst()
    }

    func failure(because reason: String) -> CommandFailure.Code { to.failure(because: reason) }
}
