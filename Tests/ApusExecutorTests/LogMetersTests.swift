import ApusAgent
import ApusContainers
import ApusExecutor
import ApusModel
import ApusTelemetry
import Foundation
import Testing

/// What is counted of output.
@Suite struct LogMetersTests {
    private let metrics = MetricRegistry()

    private func count(_ name: String) -> Int64? {
        let sample = metrics.samples().first { $0.series.path == "com.phonepe.drove.executor.\(name)" }
        guard case .meter(let reading)? = sample?.value else { return nil }
        return reading.count
    }

    @Test func `the sum of a source's tasks never falls, also when one has ended`() {
        let meters = LogMeters(metrics: metrics)
        let watch = StatsWatch(metrics: metrics, logs: meters) { _ in nil }
        meters.wrote(Array("one\ntwo\n".utf8), of: InstanceID("TI-1"), source: "JOBS")
        meters.wrote(Array("three\n".utf8), of: InstanceID("TI-2"), source: "JOBS")
        meters.wrote(Array("more\n".utf8), of: InstanceID("AI-1"), source: nil)
        #expect(count("tasks.JOBS.logs_rate") == 3)
        #expect(count("tasks.JOBS.logs_size_bytes") == 14)
        meters.forget(InstanceID("TI-1"))
        #expect(count("tasks.JOBS.logs_rate") == 3)
        withExtendedLifetime(watch) {}
    }
}
