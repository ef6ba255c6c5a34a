import ApusController
import ApusModel
import ArgumentParser

/// How long the audit log is kept.
struct AuditOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Keep the audit log for so long, at least 1h.", valueName: "time"))
    var auditAge = "90d"

    @Option(help: ArgumentHelp("Keep at most so many records of the audit log, 1000 to 100000000.", valueName: "n"))
    var auditRecords = 1_000_000

    func validate() throws {
        _ = try limits()
    }

    /// - Throws: `ValidationError` naming the option that is out of bounds.
    func limits() throws -> AuditLimits {
        var limits = AuditLimits()
        do {
            limits.age = try DurationText(parsing: auditAge).duration
        } catch {
            throw ValidationError("--audit-age: \(error.message)")
        }
        guard limits.age >= .seconds(3_600) else { throw ValidationError("--audit-age must be at least 1 hour") }
        guard (1_000...100_000_000).contains(auditRecords) else {
            throw ValidationError("--audit-records must be 1000 to 100000000")
        }
        limits.records = auditRecords
        return limits
    }
}
