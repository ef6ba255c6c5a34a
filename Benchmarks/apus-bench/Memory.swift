import ApusClient
import ApusModel
import ApusTestKit
import ArgumentParser

/// Resident memory of `apus dev`, idle and with 20 instances, against its limit.
struct Memory: AsyncParsableCommand {
    @Option(help: "Instances.") var count = 20

    private static let limit = 60.0

    func run() async throws {
        let environment = try BenchEnvironment()
        let apus = try DevProcess(environment, port: 18_200)
        do {
            try await measure(apus, environment)
        } catch {
            apus.end()
            throw error
        }
        apus.end()
    }

    private func measure(_ apus: DevProcess, _ environment: BenchEnvironment) async throws {
        try await apus.ready()
        try await show("memory-idle", apus)
        let app = try await apus.create(environment.spec("BENCH"), instances: count)
        try await until("\(count) are healthy", within: .seconds(180)) {
            let healthy = try await apus.api.application(app).healthy
            guard healthy == count else { throw BenchError(description: "\(healthy) are") }
        }
        try await show("memory-\(count)", apus)
        try await apus.remove(app)
    }

    /// The highest of half a minute: checks and heartbeats have all come round by then.
    private func show(_ name: String, _ apus: DevProcess) async throws {
        var highest = 0.0
        for _ in 0..<30 {
            try await Task.sleep(for: .seconds(1))
            highest = max(highest, try apus.residentMegabytes())
        }
        Row(
            name: name,
            value: highest,
            unit: "MB",
            against: "limit \(Self.limit) MB",
            ratio: highest / Self.limit,
            aim: 1
        ).show()
    }
}
