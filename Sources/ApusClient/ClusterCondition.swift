package import ApusModel

/// What is known of a cluster, and whether it is well.
///
/// Pure but for `APIClient.condition`, which asks for it.
package struct ClusterCondition: Sendable {
    /// As `GET /apis/v1/cluster` answers.
    package var cluster: JSON
    package var executors: [ExecutorSummary]
    package var applications: [ApplicationSummary]
    package var services: [ServiceSummary]
    package var tasks: [TaskSummary]
    /// Why some applications do not have what is expected, a line each.
    package var explanations: [AppID: [String]]

    package init(
        cluster: JSON,
        executors: [ExecutorSummary] = [],
        applications: [ApplicationSummary] = [],
        services: [ServiceSummary] = [],
        tasks: [TaskSummary] = [],
        explanations: [AppID: [String]] = [:]
    ) {
        self.cluster = cluster
        self.executors = executors
        self.applications = applications
        self.services = services
        self.tasks = tasks
        self.explanations = explanations
    }

    /// All that was looked at, in a fixed order; what is in order is told in one line for all of its kind.
    package var findings: [Finding] {
        let room = [roomFinding].compactMap(\.self)
        return clusterFindings + executorFindings + room + applicationFindings + serviceFindings + taskFindings
    }
}

extension APIClient {
    /// More applications than these are not explained: each is a question to the ledger.
    private static let mostExplained = 20

    /// How the cluster is, by what its leader says.
    package func condition() async throws -> ClusterCondition {
        var condition = ClusterCondition(
            cluster: try await cluster(),
            executors: try await executorSummaries(),
            applications: try await applications(),
            services: try await services(),
            tasks: try await tasks()
        )
        let short = condition.applications.filter { $0.healthy < $0.expected }
        for application in short.prefix(Self.mostExplained) {
            do {
                let explanation = try await explanation(of: application.id, executors: false)
                guard case .array(let lines)? = explanation["text"] else { continue }
                condition.explanations[application.id] = lines.compactMap(\.text)
            } catch let error as ClientError where error.code == .notFound {
                // It has been destroyed meanwhile.
            }
        }
        return condition
    }
}
