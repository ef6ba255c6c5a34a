import ApusClient
import ApusModel
import ArgumentParser

struct ExecutorsDrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Blacklist executors and wait until no application is left there.",
        discussion: """
            Each instance goes when a new one is healthy elsewhere, one at a time of each application. Tasks run to their \
            ends; those that are left then are named, and not waited for. `apus executors unblacklist` takes it back.
            """
    )

    @OptionGroup var executors: ExecutorArguments

    @Option(help: ArgumentHelp("Wait no longer than this, as 90s, 5m or 1h.", valueName: "time"))
    var timeout = "30m"

    @Flag(inversion: .prefixedNo, help: "Show progress until no application is left there.")
    var wait = true

    @OptionGroup var api: APIOptions

    func validate() throws { try timeout.validateDuration() }

    func run() async throws {
        let run = DutyRun(executors: executors, api: api)
        guard wait else {
            let answer = try await run.perform(.blacklist)
            run.show(answer, "successful", "is blacklisted; its applications move")
            return try answer.checkBlacklisting()
        }
        let limit = try DurationText(parsing: timeout).duration
        let gone = "No longer waiting; the draining goes on if it was accepted. Look with: apus executors list"
        let (answer, drained) = try await callingAPI {
            try await interruptible(gone) {
                let answer = try await run.perform(.blacklist)
                let watch = try DrainWatch(client: run.api.client, executors: answer.blacklisted, isQuiet: run.api.json)
                return (answer, try await watch.end(within: limit))
            }
        }
        if api.json { Output.line(JSON.members(["executors": .array(drained.map(\.json))]).serialized) }
        try answer.checkBlacklisting()
    }
}

/// Waits until nothing of applications is left on blacklisted executors.
struct DrainWatch: Sendable {
    private static let interval = Duration.seconds(1)

    let client: APIClient
    let executors: [ExecutorID]
    /// Standard output is for JSON alone.
    let isQuiet: Bool

    /// What is there of one.
    struct Standing: Sendable {
        var id: ExecutorID
        /// HOST:PORT, or the id of one that is gone.
        var place: String
        var state: String
        var tasks: [String] = []
        /// Instances of applications, by application; empty when it is drained.
        var left: [String: Int] = [:]

        var json: JSON {
            .members([
                "executorId": id.json, "state": .string(state), "tasks": .array(tasks.map { .string($0) }),
            ])
        }

        var line: String {
            guard left.isEmpty else {
                let apps = left.keys.sorted().map { "\(left[$0] ?? 0) of \($0)" }
                return "\(place): \(apps.joined(separator: ", ")) left"
            }
            guard !tasks.isEmpty else { return "\(place): no application is left" }
            return "\(place): no application is left; tasks run on to their ends: \(tasks.joined(separator: ", "))"
        }
    }

    /// - Throws: `CommandFailure` if there is no room elsewhere, or it takes longer.
    func end(within limit: Duration) async throws -> [Standing] {
        let end = ContinuousClock.now + limit
        var shown: [String] = []
        let live = isQuiet ? nil : LiveLine()
        defer { live?.clear() }
        while true {
            let now = try await Follower.patience.answer { error in
                let line = "waiting for the controller: \(error)"
                if shown.last != line { show([line], live, besides: []) }
                shown = [line]
            } _: {
                try await standings()
            }
            let hindrances = try await obstacles(now)
            let lines = now.map(\.line) + hindrances
            let busy = now.filter { !$0.left.isEmpty }
            // What holds in the end stays on a terminal.
            if busy.isEmpty { live?.clear() }
            show(lines, busy.isEmpty ? nil : live, besides: live == nil ? shown : [])
            shown = lines
            guard !busy.isEmpty else { return now }
            guard ContinuousClock.now < end else {
                throw CommandFailure(
                    hindrances.isEmpty ? .timedOut : .placement,
                    (["Not drained yet; it goes on:"] + busy.map { "  \($0.line)" } + hindrances).joined(
                        separator: "\n"
                    )
                )
            }
            try await Task.sleep(for: Self.interval)
        }
    }

    /// On a terminal all of it in one line, otherwise each line that is new.
    private func show(_ lines: [String], _ live: LiveLine?, besides shown: [String]) {
        if let live { return live.show(lines.map { String($0.drop { $0 == " " }) }.joined(separator: "; ")) }
        for line in lines where !shown.contains(line) {
            if isQuiet { Output.error(line) } else { Output.line(line) }
        }
    }

    private func standings() async throws -> [Standing] {
        let known = try await client.executorSummaries()
        var standings: [Standing] = []
        for id in executors {
            guard let executor = known.first(where: { $0.id == id }), executor.presence != "LOST" else {
                standings.append(Standing(id: id, place: "\(id)", state: "REMOVED"))
                continue
            }
            guard ["BLACKLIST_REQUESTED", "BLACKLISTED", "RETIRING"].contains(executor.duty) else {
                throw CommandFailure(
                    .conflict,
                    "\(executor.place) takes work again: somebody has ended its blacklisting"
                )
            }
            standings.append(try await standing(of: executor))
        }
        return standings
    }

    private func standing(of executor: ExecutorSummary) async throws -> Standing {
        var standing = Standing(id: executor.id, place: executor.place, state: executor.state)
        do {
            let details = try await client.executor(executor.id)
            standing.tasks = (details["tasks"]?.rows(["sourceAppName", "taskId"]) ?? []).map {
                $0.joined(separator: "/")
            }
            // Once it is BLACKLISTED what is still listed has only to be reported as ended.
            guard executor.state != "BLACKLISTED" else { return standing }
            for row in details["instances"]?.rows(["appId"]) ?? [] { standing.left[row[0], default: 0] += 1 }
        } catch let error as ClientError where error.code == .notFound {
            standing.state = "REMOVED"
        }
        return standing
    }

    /// Why instances cannot move.
    private func obstacles(_ standings: [Standing]) async throws -> [String] {
        var lines: [String] = []
        for app in Set(standings.flatMap(\.left.keys)).sorted() {
            do {
                guard let shortfall = try await client.application(AppID(app)).shortfall else { continue }
                lines.append("  \(app): no room: \(shortfall)")
            } catch let error as ClientError where error.code == .notFound || error.isPassing {
                continue
            }
        }
        return lines
    }
}
