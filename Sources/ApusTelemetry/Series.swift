/// What one number is called.
package struct Series: Hashable, Sendable {
    package struct Label: Hashable, Sendable {
        package var name: String
        package var value: String
    }

    /// Words with dots between them, the same for all that differ in their labels alone.
    package var name: String
    package var labels: [Label]
    /// Its name where there are no labels: in Dropwizard's JSON.
    package var path: String

    /// By default the path is the name and then the labels' values.
    package init(_ name: String, _ labels: KeyValuePairs<String, String> = [:], path: String? = nil) {
        self.init(name, labels.map { Label(name: $0.key, value: $0.value) }, path: path)
    }

    init(_ name: String, _ labels: [Label], path: String? = nil) {
        self.name = name
        self.labels = labels
        self.path = path ?? ([name] + labels.map(\.value)).joined(separator: ".")
    }
}

/// One number as it is now.
package struct Sample: Hashable, Sendable {
    package enum Value: Hashable, Sendable {
        /// Only rises while the process lives.
        case counter(Int64)
        case gauge(Double)
        case meter(Rates.Reading)
        case timing(Timing.Reading)
    }

    package var series: Series
    package var value: Value

    package init(_ series: Series, _ value: Value) {
        self.series = series
        self.value = value
    }

    /// The same with further labels.
    func with(_ labels: [Series.Label]) -> Sample {
        var sample = self
        sample.series.labels += labels
        return sample
    }
}
