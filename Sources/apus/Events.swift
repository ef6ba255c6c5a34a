import ApusClient
import ApusController
import ApusModel
import ArgumentParser

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

struct Events: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Show what has happened in the cluster, or what happens.",
        discussion: """
            Events are kept for an hour, by all controllers. With --follow a break of the connection loses none; what \
            is missing all the same is told on standard error. With --json each line is one event.
            """
    )

    /// So many without --since.
    private static let usualCount = 1024

    @Flag(name: .shortAndLong, help: "Show events as they happen, until this is interrupted.")
    var follow = false

    @Option(
        help: ArgumentHelp(
            """
            Begin with what happened so long ago, as 90s, 5m or 1h. Default: the last 1024 events; with --follow, \
            what happens from now on.
            """,
            valueName: "time"
        )
    )
    var since: String?

    @Option(
        name: .customLong("type"),
        help: ArgumentHelp("Only events of this type, APP_STATE_CHANGE say. May be repeated.", valueName: "type")
    )
    var types: [String] = []

    @OptionGroup var api: APIOptions

    func validate() throws {
        try since?.validateDuration()
        _ = try kinds()
    }

    func run() async throws {
        let (kinds, begin) = (try kinds(), try begin())
        try await callingAPI {
            guard !follow else { return try await EventFollower(isJSON: api.json).run(api.client, kinds, since: begin) }
            let count = begin == nil ? Self.usualCount : Int(Int32.max)
            let events = try await api.client.events(after: begin ?? WallTime(milliseconds: 0), atMost: count)
            for event in events.reversed() where kinds.isEmpty || kinds.contains(event.type) {
                Output.line(api.json ? event.json.serialized : event.line)
            }
        }
    }

    /// The types in the API's words; none if all are wanted.
    private func kinds() throws -> [String] {
        try types.map { text in
            guard let kind = ClusterEvent.Kind(rawValue: text.uppercased()) else {
                let names = ClusterEvent.Kind.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("--type \(text) is none of \(names)")
            }
            return kind.rawValue
        }
    }

    /// By this machine's clock.
    private func begin() throws -> WallTime? {
        guard let since else { return nil }
        let age = try DurationText(parsing: since).duration.milliseconds
        return WallTime(milliseconds: max(0, Int64(Date().timeIntervalSince1970 * 1000) - age))
    }
}

/// Shows events as they happen, over breaks of the connection.
struct EventFollower {
    /// A controller that restarts meanwhile is waited for so long.
    private static let patience = Duration.seconds(300)
    private static let pause = Duration.milliseconds(500)

    let isJSON: Bool

    /// Runs until a failure that does not pass.
    func run(_ client: APIClient, _ kinds: [String], since begin: WallTime?) async throws {
        var query = kinds.map { (name: "type", value: $0) }
        if let begin { query.append((name: "since", value: "\(begin.milliseconds)")) }
        var (last, told) = ("", "")
        var heard: ContinuousClock.Instant?
        while true {
            do {
                try await client.follow(query, behind: last) { id, event in
                    if !id.isEmpty { last = id }
                    told = ""
                    heard = ContinuousClock.now
                    show(event)
                }
            } catch let error as ClientError where error.isPassing && Self.isRecent(heard) {
                if told != error.message { Output.error("apus: waiting for the controller: \(error)") }
                told = error.message
            }
            try await Task.sleep(for: Self.pause)
        }
    }

    /// Whoever never answered is not waited for.
    private static func isRecent(_ heard: ContinuousClock.Instant?) -> Bool {
        heard.map { ContinuousClock.now - $0 < patience } ?? false
    }

    private func show(_ event: StreamedEvent) {
        switch event {
        case .event(let event): Output.line(isJSON ? event.json.serialized : event.line)
        case .gap(let after?, let before):
            Output.error("apus: events are missing here: those between \(after) and \(before) are no longer held")
        case .gap(nil, let before): Output.error("apus: events are missing here: those before \(before) are not held")
        case .sign: break
        }
    }
}

extension EventSummary {
    /// For people: when, what, of what.
    var line: String {
        func text(_ key: String) -> String? { metadata[key]?.text.flatMap { $0.isEmpty ? nil : $0 } }
        let task = text("TASK_ID").map { "\(text("APP_NAME") ?? "")/\($0)" }
        let keys = ["APP_ID", "SERVICE_ID", "LOCAL_SERVICE_ID", "HOSTNAME", "EXECUTOR_ID"]
        var words = [time.utc, type]
        if let subject = task ?? keys.compactMap(text).first { words.append(subject) }
        if task == nil, let instance = text("INSTANCE_ID") { words.append(instance) }
        words += ["CURRENT_STATE", "DUTY", "CHANNELS", "RESULT_STATUS"].compactMap(text)
        if let host = text("EXECUTOR_HOST") { words.append("on \(host)") }
        let line = words.joined(separator: "  ")
        return text("ERROR").map { "\(line): \($0)" } ?? line
    }
}
