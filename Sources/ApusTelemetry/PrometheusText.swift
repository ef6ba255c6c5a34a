import ApusModel

/// The text that Prometheus reads, in its own form 0.0.4 or as OpenMetrics 1.0.
package struct PrometheusText {
    package enum Form: Hashable, Sendable {
        case prometheus
        case openMetrics

        package var contentType: String {
            switch self {
            case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
            case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
        }
    }

    package private(set) var text = ""
    private let form: Form
    private let help: (String) -> String?

    /// `help` says what a name means, for people.
    package init(_ samples: [Sample], as form: Form, help: @escaping (String) -> String?) {
        self.form = form
        self.help = help
        // Two names may become one here, and a name must stand in one place.
        let families = Dictionary(grouping: samples) { Self.legal($0.series.name, colons: true) }
        for name in families.keys.sorted() { write(name, families[name] ?? []) }
        if form == .openMetrics { text += "# EOF\n" }
    }

    private enum Kind {
        case counter, gauge, summary
    }

    private mutating func write(_ name: String, _ samples: [Sample]) {
        guard let first = samples.first else { return }
        let kind = Self.kind(of: first.value)
        let family = kind == .summary ? "\(name)_seconds" : name
        writeHead(family, kind, help(first.series.name))
        var written: Set<String> = []
        for sample in samples where Self.kind(of: sample.value) == kind {
            let labels = Self.labels(sample.series.labels)
            // The same one twice makes the whole text unreadable.
            guard written.insert(labels).inserted else { continue }
            switch sample.value {
            case .counter(let count): text += "\(family)_total\(labels) \(count)\n"
            case .meter(let reading): text += "\(family)_total\(labels) \(reading.count)\n"
            case .gauge(let value): text += "\(family)\(labels) \(Self.number(value))\n"
            case .timing(let reading):
                text += "\(family)_count\(labels) \(reading.rates.count)\n"
                text += "\(family)_sum\(labels) \(Self.number(reading.total.inSeconds))\n"
            }
        }
    }

    private mutating func writeHead(_ family: String, _ kind: Kind, _ help: String?) {
        // OpenMetrics names the family, the older form each counter.
        let name = kind == .counter && form == .prometheus ? "\(family)_total" : family
        if let help { text += "# HELP \(name) \(Self.escaped(help, quotes: form == .openMetrics))\n" }
        text += "# TYPE \(name) \(kind)\n"
    }

    private static func kind(of value: Sample.Value) -> Kind {
        switch value {
        case .counter, .meter: .counter
        case .gauge: .gauge
        case .timing: .summary
        }
    }

    private static func labels(_ labels: [Series.Label]) -> String {
        guard !labels.isEmpty else { return "" }
        let pairs = labels.map { "\(legal($0.name, colons: false))=\"\(escaped($0.value, quotes: true))\"" }
        return "{\(pairs.joined(separator: ","))}"
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// Letters, digits and underscores, for a metric colons too, and no digit first.
    private static func legal(_ name: String, colons: Bool) -> String {
        var legal = ""
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                if legal.isEmpty { legal = "_" }
                legal.unicodeScalars.append(Unicode.Scalar(byte))
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"):
                legal.unicodeScalars.append(Unicode.Scalar(byte))
            case UInt8(ascii: ":") where colons: legal += ":"
            default: legal += "_"
            }
        }
        return legal.isEmpty ? "_" : legal
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return value.description
    }
}
