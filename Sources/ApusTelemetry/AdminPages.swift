import ApusModel

/// What the admin port answers, without the HTTP.
package struct AdminPages: Sendable {
    package struct Page: Hashable, Sendable {
        package var status: Int
        package var contentType = "text/plain; charset=utf-8"
        package var body: [UInt8]

        fileprivate init(_ status: Int, _ text: String) {
            self.status = status
            body = Array(text.utf8)
        }

        fileprivate init(_ status: Int, contentType: String, _ body: [UInt8]) {
            (self.status, self.contentType, self.body) = (status, contentType, body)
        }
    }

    private static let json = "application/json"

    private let telemetry: Telemetry

    package init(_ telemetry: Telemetry) { self.telemetry = telemetry }

    /// The page at `path`; `accept` is that header, whole.
    package func page(_ method: String, _ path: String, accept: String) -> Page {
        guard method == "GET" || method == "HEAD" else { return Page(405, "only GET is known here\n") }
        let accept = accept.lowercased()
        let wantsOpenMetrics = accept.contains("application/openmetrics-text")
        switch path {
        case "/ping": return Page(200, "pong\n")
        case "/healthcheck":
            let (json, isHealthy) = telemetry.health.report
            return Page(isHealthy ? 200 : 500, contentType: Self.json, json.bytes)
        case "/metrics":
            // Whoever asks for nothing in particular reads what Drove gives.
            if wantsOpenMetrics { return prometheus(.openMetrics) }
            if accept.contains("text/plain"), !accept.contains(Self.json) { return prometheus(.prometheus) }
            let text = DropwizardText(telemetry.metrics.samples())
            return Page(200, contentType: Self.json, text.json.bytes)
        case "/metrics/prometheus": return prometheus(wantsOpenMetrics ? .openMetrics : .prometheus)
        default: return Page(404, "/metrics, /metrics/prometheus, /healthcheck and /ping are here\n")
        }
    }

    private func prometheus(_ form: PrometheusText.Form) -> Page {
        let common = telemetry.label.map { [Series.Label(name: "label", value: $0)] } ?? []
        let samples = telemetry.metrics.samples().map { $0.with(common) }
        let text = PrometheusText(samples, as: form, help: telemetry.metrics.help(of:)).text
        return Page(200, contentType: form.contentType, Array(text.utf8))
    }
}
