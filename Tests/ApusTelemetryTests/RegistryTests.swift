import ApusModel
import ApusTelemetry
import CoreMetrics
import Synchronization
import Testing

struct RegistryTests {
    private func value(_ metrics: MetricRegistry, _ path: String) -> Sample.Value? {
        metrics.samples().first { $0.series.path == path }?.value
    }

    @Test func `the same counter made twice is one, and goes when it is destroyed`() {
        let metrics = MetricRegistry()
        let counter = Counter(label: "c", dimensions: [("x", "1")], factory: metrics)
        counter.increment(by: 2)
        Counter(label: "c", dimensions: [("x", "1")], factory: metrics).increment()
        #expect(value(metrics, "c.1") == .counter(3))
        counter.destroy()
        #expect(value(metrics, "c.1") == nil)
    }

    @Test func `names made of what comes from outside cannot fill the memory`() {
        let metrics = MetricRegistry()
        for number in 0..<MetricRegistry.mostSeries + 100 {
            Counter(label: "c", dimensions: [("number", "\(number)")], factory: metrics).increment()
        }
        #expect(metrics.samples().count == MetricRegistry.mostSeries + 1)
        #expect(value(metrics, "apus.telemetry.series.refused") == .counter(100))
        #expect(value(metrics, "c.5") == .counter(1))
    }

    @Test func `what is no time at all is not kept`() {
        let metrics = MetricRegistry()
        let recorder = Recorder(label: "r", dimensions: [], aggregate: true, factory: metrics)
        for value in [Double.nan, .infinity, -1, 1e300] { recorder.record(value) }
        recorder.record(2.0)
        guard case .timing(let reading) = value(metrics, "r") else {
            Issue.record("no timing")
            return
        }
        #expect(reading.rates.count == 1)
        #expect(reading.longest == .seconds(2))
    }

    @Test func `absence counts from when patience is over, while it lasts and after`() {
        func at(_ seconds: Double) -> Moment { .zero + .seconds(seconds) }
        let presence = LeaderPresence(patience: .seconds(10), from: .zero)
        presence.answered(at: at(8))
        #expect(presence.absence(at: at(18)) == (.zero, 0))
        #expect(presence.absence(at: at(30)) == (.seconds(12), 1))
        presence.answered(at: at(40))
        #expect(presence.absence(at: at(45)) == (.seconds(22), 1))
        presence.answered(at: at(45))
        #expect(presence.absence(at: at(60)) == (.seconds(27), 2))
    }
}
