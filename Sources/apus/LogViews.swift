import ApusClient
import ApusModel

/// The lines of all that were asked for, side by side.
struct LogViews {
    /// That are read or followed at once.
    private static let most = 64
    /// So often it is asked whether others have joined.
    private static let interval = Duration.seconds(1)

    let subject: LogSubject
    let client: APIClient
    let range: LogRange
    let printer: LogPrinter
    /// Where reading goes on.
    private var views: [LogOwner: LogView] = [:]

    init(subject: LogSubject, client: APIClient, range: LogRange, printer: LogPrinter) {
        self.subject = subject
        self.client = client
        self.range = range
        self.printer = printer
    }

    private struct Beginning: Sendable {
        var owner: LogOwner
        var view: LogView
        var lines: [Substring] = []
        /// Why there are none.
        var failure: CommandFailure?
    }

    // MARK: the last lines

    /// Shows the last lines of all together, by their times.
    mutating func show(_ owners: [LogOwner]) async throws {
        guard owners.count <= Self.most else {
            throw CommandFailure(
                .other,
                "\(subject.name) has \(owners.count) instances, more than the \(Self.most) that are shown at once; "
                    + "name one: \(subject.name)/\(owners[owners.count - 1].name)"
            )
        }
        if owners.count > 1 { printer.expectSeveral() }
        let beginnings = try await beginnings(of: owners)
        let failures = beginnings.compactMap(\.failure)
        if let first = failures.first, failures.count == owners.count { throw first }
        for failure in failures { Output.error("apus: \(failure.message)") }
        for beginning in beginnings { views[beginning.owner] = beginning.view }
        printer.show(Self.merged(beginnings).suffix(range.count))
    }

    private func beginnings(of owners: [LogOwner]) async throws -> [Beginning] {
        try await withThrowingTaskGroup(of: (Int, Beginning).self) { group in
            for (number, owner) in owners.enumerated() {
                group.addTask { (number, try await self.beginning(of: owner)) }
            }
            var found: [(number: Int, beginning: Beginning)] = []
            for try await one in group { found.append(one) }
            return found.sorted { $0.number < $1.number }.map(\.beginning)
        }
    }

    private func beginning(of owner: LogOwner) async throws -> Beginning {
        var found = Beginning(owner: owner, view: view(of: owner))
        do {
            found.lines = try await found.view.last(range)
        } catch let error as ClientError {
            let isUnknown = error.code == .notFound
            found.failure = try await (isUnknown ? owner.withoutFiles(client, error) : nil) ?? CommandFailure(error)
        }
        return found
    }

    private func view(of owner: LogOwner) -> LogView {
        LogView(files: owner.files(client)) { [printer] lines in printer.show(lines, of: owner.name) }
    }

    /// A line without a time stays behind the one before it.
    private static func merged(_ beginnings: [Beginning]) -> [(text: Substring, name: String)] {
        var lines: [(time: String, place: Int, text: Substring, name: String)] = []
        for beginning in beginnings {
            var time = ""
            for line in beginning.lines {
                time = max(time, LogTime(of: line)?.text ?? "")
                lines.append((time, lines.count, line, beginning.owner.name))
            }
        }
        lines.sort { ($0.time, $0.place) < ($1.time, $1.place) }
        return lines.map { ($0.text, $0.name) }
    }

    // MARK: new lines

    private enum Event: Sendable {
        /// Nothing more comes of one.
        case ended
        case lookedForOthers
    }

    /// Shows what comes, also of those who join, until nobody is left who writes.
    func follow() async throws {
        try await withThrowingTaskGroup(of: Event.self) { group in
            var followed = Set(views.keys)
            var count = followed.count
            for (owner, view) in views { group.addTask { try await self.follow(owner, view) } }
            group.addTask { try await Self.pause() }
            while let event = try await group.next() {
                switch event {
                case .ended:
                    count -= 1
                    if count == 0, case .one = subject { return group.cancelAll() }
                case .lookedForOthers:
                    let new = try await others(than: followed).prefix(Self.most - count)
                    if count == 0, new.isEmpty, try await isOver() { return group.cancelAll() }
                    followed.formUnion(new)
                    count += new.count
                    if followed.count > 1 { printer.expectSeveral() }
                    for owner in new { group.addTask { try await self.follow(owner, self.view(of: owner)) } }
                    group.addTask { try await Self.pause() }
                }
            }
        }
    }

    private static func pause() async throws -> Event {
        try await Task.sleep(for: interval)
        return .lookedForOthers
    }

    private func follow(_ owner: LogOwner, _ view: LogView) async throws -> Event {
        var view = view
        do {
            try await view.follow { try await owner.hasEnded(client) }
        } catch let error where !(error is CancellationError) {
            if case .one = subject { throw error }
            // The others may go on.
            Output.error("apus: no more of \(owner.name): \(error)")
        }
        return .ended
    }

    /// Those that live now and are not followed; none while the controller is away.
    private func others(than followed: Set<LogOwner>) async throws -> [LogOwner] {
        do {
            return try await subject.living(client).filter { !followed.contains($0) }
        } catch let error as ClientError where error.isPassing {
            return []
        }
    }

    private func isOver() async throws -> Bool {
        do {
            return try await subject.isOver(client)
        } catch let error as ClientError where error.isPassing {
            return false
        }
    }
}
