import ApusModel
import ApusTelemetry
import CoreMetrics
import Foundation
import Testing

/// A registry with one of everything, on a clock that stands still.
private func example() -> MetricRegistry {
    let metrics = MetricRegistry { .zero + .seconds(60) }
    Counter(label: "apus.tasks.ended", dimensions: [("result", "LOST")], factory: metrics).increment(by: 3)
    Counter(label: "apus.tasks.ended", dimensions: [("result", "FAILED")], factory: metrics).increment()
    Gauge(label: "2nd-gauge", dimensions: [("path", "a\\b \"c\"\nd")], factory: metrics).record(2.5)
    Timer(label: "apus.commit", dimensions: [], factory: metrics).recordNanoseconds(1_500_000_000)
    metrics.add { now in
        var rates = Rates(at: .zero)
        rates.mark(120, at: .zero)
        return [
            Sample(Series("apus.logs", ["instance": "AI-1"], path: "drove.AI-1.logs"), .meter(rates.reading(at: now))),
            Sample(Series("apus.memory", ["instance": "AI-1"], path: "drove.AI-1.memory"), .gauge(1_073_741_824)),
            Sample(Series("apus.nothing"), .gauge(.nan)),
        ]
    }
    metrics.describe(["apus.tasks.ended": "Tasks that ended,\nby \\ result."])
    return metrics
}

struct LabelTests {
    @Test func `the label of a process stands at every number for Prometheus, and changes nothing else`() throws {
        func page(_ path: String, _ label: String?) -> String {
            let pages = AdminPages(Telemetry(metrics: example(), label: label))
            return String(decoding: pages.page("GET", path, accept: "").body, as: UTF8.self)
        }
        let text = page("/metrics/prometheus", "blue")
        #expect(text.contains("apus_tasks_ended_total{result=\"LOST\",label=\"blue\"} 3\n"))
        #expect(text.contains("apus_nothing{label=\"blue\"} NaN\n"))
        let plain = text.replacing(",label=\"blue\"}", with: "}").replacing("{label=\"blue\"}", with: "")
        #expect(plain == page("/metrics/prometheus", nil))
        #expect(page("/metrics", "blue") == page("/metrics", nil))
    }
}

struct DropwizardTests {
    @Test func `a reader of Dropwizard's JSON finds every number where it belongs`() throws {
        let bytes = DropwizardText(example().samples()).json.bytes
        let root = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
        #expect(root["version"] as? String == "4.0.0")
        #expect(Set(root.keys) == ["version", "gauges", "counters", "histograms", "meters", "timers"])
        func number(_ kind: String, _ name: String, _ field: String) -> Double? {
            ((root[kind] as? [String: Any])?[name] as? [String: Any])?[field] as? Double
        }
        #expect(number("counters", "apus.tasks.ended.LOST", "count") == 3)
        #expect(number("counters", "apus.tasks.ended.FAILED", "count") == 1)
        #expect(number("gauges", "drove.AI-1.memory", "value") == 1_073_741_824)
        #expect(number("gauges", "2nd-gauge.a\\b \"c\"\nd", "value") == 2.5)
        #expect(number("meters", "drove.AI-1.logs", "count") == 120)
        #expect(number("meters", "drove.AI-1.logs", "mean_rate") == 2)
        #expect(number("meters", "drove.AI-1.logs", "m1_rate") != nil)
        #expect(number("meters", "drove.AI-1.logs", "m5_rate") != nil)
        #expect(number("meters", "drove.AI-1.logs", "m15_rate") != nil)
        #expect(number("timers", "apus.commit", "mean") == 1.5)
        #expect((root["gauges"] as? [String: Any])?["apus.nothing"] == nil, "what is no number is left out")
    }

    @Test func `bytes are whole numbers, however many`() {
        let text = DropwizardText(example().samples()).json.serialized
        #expect(text.contains(#""drove.AI-1.memory":{"value":1073741824}"#))
    }
}

struct PrometheusTests {
    @Test(arguments: [PrometheusText.Form.prometheus, .openMetrics])
    func `a strict reader finds every number, once, below its type`(_ form: PrometheusText.Form) throws {
        let metrics = example()
        let text = PrometheusText(metrics.samples(), as: form, help: metrics.help(of:)).text
        let read = try PrometheusReader(text, isOpenMetrics: form == .openMetrics)
        #expect(read.values[#"apus_tasks_ended_total{result="LOST"}"#] == 3)
        #expect(read.values[#"apus_tasks_ended_total{result="FAILED"}"#] == 1)
        #expect(read.values[#"_2nd_gauge{path="a\\b \"c\"\nd"}"#] == 2.5)
        #expect(read.values[#"apus_logs_total{instance="AI-1"}"#] == 120)
        #expect(read.values[#"apus_memory{instance="AI-1"}"#] == 1_073_741_824)
        #expect(read.values["apus_commit_seconds_count"] == 1)
        #expect(read.values["apus_commit_seconds_sum"] == 1.5)
        #expect(read.values["apus_nothing"]?.isNaN == true)
        let counter = form == .openMetrics ? "apus_tasks_ended" : "apus_tasks_ended_total"
        #expect(read.types[counter] == "counter")
        #expect(read.helps[counter] == #"Tasks that ended,\nby \\ result."#)
    }

    @Test func `two names that become one stand in one place, and nothing is there twice`() throws {
        let samples = [
            Sample(Series("a.b", ["x": "1"]), .gauge(1)), Sample(Series("a-b", ["x": "1"]), .gauge(2)),
            Sample(Series("a_b", ["x": "2"]), .gauge(3)), Sample(Series("a_b", ["x": "3"]), .counter(3)),
        ]
        let text = PrometheusText(samples, as: .openMetrics, help: { _ in nil }).text
        let read = try PrometheusReader(text, isOpenMetrics: true)
        #expect(read.values.keys.sorted() == [#"a_b{x="1"}"#, #"a_b{x="2"}"#])
    }

    @Test(arguments: ["a 1", "# TYPE a gauge\nab 1", "# TYPE a counter\na_total 1", "# TYPE a summary\na 1"])
    func `the reader is strict: a number belongs to the family whose type stands above it`(text: String) throws {
        #expect(throws: PrometheusReader.Fault.self) { try PrometheusReader(text + "\n", isOpenMetrics: false) }
    }
}

/// Reads Prometheus' text as strictly as its description; made for tests, and from nothing that writes it.
private struct PrometheusReader {
    struct Fault: Error { var line: Substring }

    var values: [String: Double] = [:]
    var types: [String: String] = [:]
    var helps: [String: String] = [:]

    init(_ text: String, isOpenMetrics: Bool) throws {
        var current = ""
        #expect(text.hasSuffix("\n"))
        var lines = text.dropLast().split(separator: "\n", omittingEmptySubsequences: false)
        if isOpenMetrics {
            let last = lines.popLast()
            #expect(last == "# EOF")
        }
        for line in lines {
            let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
            if line.hasPrefix("# HELP "), words.count == 4 {
                guard helps.updateValue(String(words[3]), forKey: String(words[2])) == nil else {
                    throw Fault(line: line)
                }
            } else if line.hasPrefix("# TYPE "), words.count == 4 {
                current = String(words[2])
                guard types.updateValue(String(words[3]), forKey: current) == nil else { throw Fault(line: line) }
            } else {
                let match = line.wholeMatch(
                    of: /([a-zA-Z_:][a-zA-Z0-9_:]*)(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\[\\n"])*",?)+\})? (\S+)/
                )
                let names = Self.names(in: current, types[current], isOpenMetrics: isOpenMetrics)
                guard let match, names.contains(String(match.1)) else { throw Fault(line: line) }
                let value = match.5 == "NaN" ? Double.nan : Double(match.5)
                guard let value, values.updateValue(value, forKey: "\(match.1)\(match.2 ?? "")") == nil else {
                    throw Fault(line: line)
                }
            }
        }
    }

    /// What the numbers of a family are called.
    private static func names(in family: String, _ type: String?, isOpenMetrics: Bool) -> [String] {
        switch type {
        case "counter": [isOpenMetrics ? "\(family)_total" : family]
        case "gauge": [family]
        case "summary": ["\(family)_count", "\(family)_sum"]
        default: []
        }
    }
}
