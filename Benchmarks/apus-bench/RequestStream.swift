import ApusModel
import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// Requests at a fixed rate, whether earlier ones are answered or not; how long each took from when it was due.
struct RequestStream {
    private static let longestAnswer = 64 << 20
    private static let deadline = TimeAmount.seconds(10)

    /// The path behind `/apis/v1/` of each kind; they take turns.
    var kinds: [(name: String, path: String)]
    var perSecond: Int
    var seconds: Int

    /// Milliseconds of each kind's requests.
    ///
    /// - Throws: what the first failed request did, or a `BenchError` for an answer other than 200.
    func run(at base: String, _ client: HTTPClient) async throws -> [String: [Double]] {
        try await withThrowingTaskGroup(of: (String, Double).self) { group in
            let clock = ContinuousClock()
            let start = clock.now
            for number in 0..<(perSecond * seconds) {
                let kind = kinds[number % kinds.count]
                let due = start + .seconds(1) * number / perSecond
                try await clock.sleep(until: due)
                group.addTask {
                    try await Self.ask("\(base)/apis/v1/\(kind.path)", client)
                    return (kind.name, (clock.now - due).inSeconds * 1_000)
                }
            }
            return try await group.reduce(into: [:]) { $0[$1.0, default: []].append($1.1) }
        }
    }

    private static func ask(_ url: String, _ client: HTTPClient) async throws {
        let response = try await client.execute(HTTPClientRequest(url: url), timeout: deadline)
        _ = try await response.body.collect(upTo: longestAnswer)
        guard response.status == .ok else { throw BenchError(description: "\(url) answered \(response.status)") }
    }
}

extension [Double] {
    /// The smallest that is not below so many of a hundred.
    func percentile(_ part: Double) -> Double {
        guard !isEmpty else { return .nan }
        let ordered = sorted()
        return ordered[Swift.min(ordered.count - 1, Int((Double(ordered.count) * part / 100).rounded(.up)) - 1)]
    }
}
