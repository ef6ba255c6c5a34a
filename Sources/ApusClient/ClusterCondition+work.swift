import ApusModel

/// What runs in the cluster, for `ClusterCondition.findings`.
extension ClusterCondition {
    /// An operation that has been at work for longer is looked at by people.
    private static let longOperation: Int64 = 30 * 60_000
    /// More waiting tasks than these are counted only.
    private static let mostTasksTold = 10

    var applicationFindings: [Finding] {
        let told = applications.flatMap(findings)
        let active = applications.count { $0.expected > 0 }
        return [Finding(.fine, "applications", "\(active) of \(applications.count) are to run")] + told
    }

    private func findings(_ application: ApplicationSummary) -> [Finding] {
        var findings: [Finding] = []
        func add(_ level: Finding.Level, _ text: String, _ advice: String) {
            findings.append(Finding(level, "application \(application.id)", text, advice: advice))
        }
        if application.healthy < application.expected {
            let isDown = application.healthy == 0 && application.operation == nil
            let why = reason(application)
            add(
                isDown ? .failure : .warning,
                "\(application.healthy) of \(application.expected) are healthy\(why.isEmpty ? "" : ": \(why)")",
                "apus explain \(application.id)"
            )
        }
        if let trouble = Self.trouble(application.operation, application.lastOperation) {
            add(.warning, trouble, "apus apps show \(application.id)")
        }
        return findings
    }

    /// What is amiss with the operation under way, or with the last one if there is none.
    private static func trouble(_ operation: ApplicationSummary.UnderWay?, _ last: ApplicationSummary.Ended?) -> String?
    {
        if let operation {
            guard operation.spentMilliseconds > longOperation else { return nil }
            return "\(operation.type) has been under way for \(operation.spentMilliseconds / 60_000) minutes"
        }
        guard let last, ["FAILED", "ROLLED_BACK"].contains(last.outcome) else { return nil }
        return "the last \(last.type) failed: \(last.reason)"
    }

    /// The first line of an explanation counts instances, which is said already.
    private func reason(_ application: ApplicationSummary) -> String {
        let lines = (explanations[application.id] ?? []).dropFirst()
        if !lines.isEmpty { return lines.joined(separator: "; ") }
        if let shortfall = application.shortfall { return "no room: \(shortfall)" }
        guard let backoff = application.backoff, backoff.failures > 0 else { return "" }
        return "failed \(backoff.failures) times in a row: \(backoff.reason)"
    }

    // MARK: local services and tasks

    var serviceFindings: [Finding] {
        let told = services.flatMap(findings)
        let active = services.count { $0.activation == "ACTIVE" }
        return [Finding(.fine, "local services", "\(active) of \(services.count) are active")] + told
    }

    private func findings(_ service: ServiceSummary) -> [Finding] {
        let subject = "local service \(service.id)"
        var findings: [Finding] = []
        if service.healthy < service.wanted {
            let why = service.obstacles.first.map { ": \($0)" } ?? ""
            let text = "\(service.healthy) of \(service.wanted) are healthy\(why)"
            findings.append(
                Finding(.warning, subject, text, advice: "apus explain --local-service \(service.id)")
            )
        }
        if let trouble = Self.trouble(service.operation, service.lastOperation) {
            findings.append(
                Finding(.warning, subject, trouble, advice: "apus localservices show \(service.id)")
            )
        }
        return findings
    }

    var taskFindings: [Finding] {
        let waiting = tasks.filter { $0.state == "PENDING" }
        let told = waiting.prefix(Self.mostTasksTold).map { task in
            Finding(
                .warning,
                "task \(task.id)",
                task.error.isEmpty ? "it waits" : task.error,
                advice: "apus explain \(task.id)"
            )
        }
        let text = "\(tasks.count - waiting.count) run, \(waiting.count) wait"
        return [Finding(.fine, "tasks", text)] + told
    }
}
