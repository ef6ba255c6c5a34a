import ApusClient
import ApusModel
import ApusTestKit
import ArgumentParser
import AsyncHTTPClient
import Foundation
import NIOPosix

/// How soon the API of a busy controller answers, how soon a thousand listeners have an event, and its memory.
///
/// The controller is a process of its own over SQLite; its executors are simulated, their reports and commands are not.
struct APIFigures: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "api")

    @Option(help: "Applications.") var applications = 1_000
    @Option(help: "Instances of each.") var instances = 20
    @Option(help: "Simulated executors.") var executors = 200
    @Option(help: "Seconds of each measurement.") var seconds = 30

    private static let port = 18_700
    private static let coresOfExecutor = 128
    /// An instance that breaks, and the one in its place, are so many changes.
    private static let changesOfBreak = 2

    func run() async throws {
        guard let binary = ProcessInfo.processInfo.environment["APUS_BENCH_BINARY"] else {
            throw BenchError(description: "APUS_BENCH_BINARY is not set; run scripts/bench, which sets it")
        }
        let state = NSTemporaryDirectory() + "apus-bench-\(UUID().uuidString.prefix(8))"
        let controller = NodeProcess(
            binary,
            [
                "controller", "--state", state, "--address", "127.0.0.1:\(Self.port)", "--admin-address", "none",
                "--log-level", "warning",
            ]
        )
        try controller.start()
        let result: Result<Void, any Error>
        do {
            try await measure(controller.pid ?? 0, state)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        try await controller.end(by: SIGKILL)
        try FileManager.default.removeItem(atPath: state)
        try result.get()
    }

    private func measure(_ controller: Int32, _ state: String) async throws {
        let url = "http://127.0.0.1:\(Self.port)"
        let api = APIClient(endpoint: url)
        try await until("the controller answers", within: .seconds(30)) { try await api.ping() }
        let cluster = try String(contentsOfFile: "\(state)/cluster", encoding: .utf8)
        let fleet = Fleet(
            of: ClusterID(cluster.trimmingCharacters(in: .whitespacesAndNewlines)),
            count: executors,
            cores: Self.coresOfExecutor,
            port: Self.port + 1
        )
        try await withThrowingTaskGroup(of: Bool.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                try await fleet.run(reportingTo: url)
                return false
            }
            group.addTask {
                try await populate(api)
                try await reads(api, url, fleet)
                try await events(api, fleet)
                try show("api-memory", residentMegabytes(controller), "MB", "limit 1000 MB", limit: 1_000)
                return true
            }
            while let isOver = try await group.next(), !isOver {}
        }
    }

    private func populate(_ api: APIClient) async throws {
        try await until("all executors take work", within: .seconds(60)) {
            let active = try await api.executorSummaries().count { $0.state == "ACTIVE" }
            guard active == executors else { throw BenchError(description: "\(active) do") }
        }
        for number in 0..<applications {
            var spec = exampleSpec(name: "APP_\(number)", memoryMB: 64)
            spec.exposureSpec = ExposureSpec(vhost: "app-\(number).example", portName: "main")
            _ = try await api.operate([
                "type": "CREATE", "spec": spec.json, "instances": .integer(Int64(instances)),
                "opSpec": ["timeout": "15m", "parallelism": .integer(Int64(instances)), "failureStrategy": "STOP"],
            ])
        }
        try await until("all are healthy", within: .seconds(300), every: .seconds(1)) {
            let healthy = try await api.applications().reduce(0) { $0 + $1.healthy }
            guard healthy == applications * instances else { throw BenchError(description: "\(healthy) are") }
        }
    }

    // MARK: reads

    private func reads(_ api: APIClient, _ url: String, _ fleet: Fleet) async throws {
        let client = HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        let requests = RequestStream(
            kinds: [
                ("list", "applications"), ("application", "applications/APP_\(applications / 2)-1"),
                ("endpoints", "endpoints"), ("dashboard", "cluster/dashboard"),
            ],
            perSecond: 50,
            seconds: seconds
        )
        let result: Result<[String: [Double]], any Error>
        let changes: Double
        do {
            let (times, rate) = try await whileBreaking(fleet, api, perSecond: 100) {
                try await requests.run(at: url, client)
            }
            (result, changes) = (.success(times), rate)
        } catch {
            (result, changes) = (.failure(error), 0)
        }
        try await client.shutdown()
        let times = try result.get()
        for kind in requests.kinds {
            let p99 = times[kind.name, default: []].percentile(99)
            show("api-\(kind.name)-p99", p99, "ms", "50 requests a second, limit 50 ms", limit: 50)
        }
        show("api-changes", changes, atLeast: 95, "/s", "100 instance changes a second meanwhile")
    }

    /// Breaks instances for as long as the body takes.
    ///
    /// - Returns: what the body does, and how many changes of instances were told a second meanwhile.
    private func whileBreaking<Value: Sendable>(
        _ fleet: Fleet,
        _ api: APIClient,
        perSecond changes: Int,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> (Value, Double) {
        let clock = ContinuousClock()
        let (start, before) = (clock.now, try await newest(api))
        let value = try await withThrowingTaskGroup(of: Value?.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                for number in 1... {
                    try await clock.sleep(until: start + .seconds(1) * number * Self.changesOfBreak / changes)
                    fleet.breakOne()
                }
                return nil
            }
            group.addTask { try await body() }
            while let value = try await group.next() {
                if let value { return value }
            }
            throw CancellationError()
        }
        let summary = try await api.get("cluster/events/summary?lastSyncTime=\(before)")
        let told: Int64
        if case .integer(let count)? = summary["eventsCount"]?["INSTANCE_STATE_CHANGE"] {
            told = count
        } else {
            told = 0
        }
        return (value, Double(told) / (clock.now - start).inSeconds)
    }

    /// The time of the newest event: `lastSyncTime` is behind it where more than one a millisecond are told.
    private func newest(_ api: APIClient) async throws -> Int64 {
        guard case .array(let events)? = try await api.get("cluster/events/latest?size=1")["events"],
            case .integer(let time)? = events.first?["time"]
        else { return 0 }
        return time
    }

    // MARK: events

    private func events(_ api: APIClient, _ fleet: Fleet) async throws {
        let count = 1_000
        let listeners = try await EventListeners(count, port: Self.port, ends: fleet.ends)
        let result: Result<Double, any Error>
        do {
            let span = Duration.seconds(seconds)
            result = .success(
                try await whileBreaking(fleet, api, perSecond: 20) {
                    try await Task.sleep(for: span)
                }.1
            )
        } catch {
            result = .failure(error)
        }
        let connected = listeners.connected
        try await listeners.end()
        let rate = try result.get()
        guard connected == count else { throw BenchError(description: "\(connected) of \(count) listeners are left") }
        let against = "from an instance's end, \(rounded(rate)) events a second to \(count) listeners, limit 250 ms"
        show("api-events-p99", listeners.delays.milliseconds.percentile(99), "ms", against, limit: 250)
        let heard = Double(listeners.delays.events) / Double(count) / Double(seconds)
        show("api-events-heard", heard, atLeast: rate * 0.9, "/s", "by each listener, of \(rounded(rate)) told")
    }

    // MARK: rows

    private func show(_ name: String, _ value: Double, _ unit: String, _ against: String, limit: Double) {
        Row(name: name, value: value, unit: unit, against: against, ratio: value / limit, aim: 1).show()
    }

    private func show(_ name: String, _ value: Double, atLeast least: Double, _ unit: String, _ against: String) {
        Row(name: name, value: value, unit: unit, against: against, ratio: least / value, aim: 1).show()
    }

    private func residentMegabytes(_ process: Int32) throws -> Double {
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") }),
            let kilobytes = Double(line.split(whereSeparator: \.isWhitespace)[1])
        else { throw BenchError(description: "no VmRSS of the controller") }
        return kilobytes / 1024
    }
}
