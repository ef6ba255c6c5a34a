import ApusClient
package import ApusModel
import Synchronization

/// Configuration files that the controller fetches for instances about to start (CONTROLLER_HTTP_FETCH).
///
/// Whoever needs a file while it is being fetched waits for that same request. A file is good for a few seconds, so that
/// the instances of one application ask once; that it could not be had for one only, since a task that is told so ends
/// for good. Of each server few files are fetched at a time, and no server waits for another.
package final class ConfigCache: Sendable {
    package typealias Fetch = @Sendable (HTTPCallSpec) async throws -> [UInt8]
    private typealias Answer = Result<[UInt8], FetchFailure>

    /// Of all files of one instance, in bytes: as an executor takes them.
    package static let largestTogether = 2 << 20
    private static let fileIsGoodFor = Duration.seconds(10)
    private static let failureIsGoodFor = Duration.seconds(1)
    /// In bytes, of all files together: more are not kept.
    private static let largest = 64 << 20
    /// Files that one server is asked for at once.
    private static let mostOfOneServer = 4

    private struct Server: Hashable {
        var hostname: String
        var port: Int

        init(_ call: HTTPCallSpec) { (hostname, port) = (call.hostname, call.effectivePort) }
    }

    /// One server's requests: those under way, and what is asked next.
    private struct Lane {
        var underWay = 0
        var queue: [HTTPCallSpec] = []
    }

    private struct Entry {
        var until: Moment
        var answer: Answer

        var size: Int {
            switch answer {
            case .success(let bytes): bytes.count
            case .failure: 0
            }
        }
    }

    private struct State {
        var known: [HTTPCallSpec: Entry] = [:]
        /// Who waits for what is being fetched, or will be.
        var waiting: [HTTPCallSpec: [AsyncStream<Answer>.Continuation]] = [:]
        var lanes: [Server: Lane] = [:]
    }

    private let fetch: Fetch
    /// For all files of one instance.
    private let patience: Duration
    private let time: TimeSource
    private let state = Mutex(State())
    /// Requests for `run` to begin; never more than there are different ones under way.
    private let begun = AsyncStream.makeStream(of: HTTPCallSpec.self, bufferingPolicy: .unbounded)

    package init(time: TimeSource, patience: Duration = .seconds(60), fetch: @escaping Fetch) {
        self.time = time
        self.patience = patience
        self.fetch = fetch
    }

    /// Fetches from these alone.
    convenience init(allowed: [FetchTarget], time: TimeSource) {
        let fetcher = ConfigFetcher(allowed: allowed)
        self.init(time: time) { call in try await fetcher.fetch(call) }
    }

    /// The workload with its files in it, one after the other; not before `run` runs.
    ///
    /// - Throws: `FetchFailure` naming the first file that could not be had, `CancellationError` when the task was
    ///   cancelled.
    package func filled(_ workload: Workload) async throws -> Workload {
        var filled = workload
        var size = 0
        let end = ContinuousClock.now + patience
        for (index, config) in workload.configs.enumerated() {
            switch config.source {
            case .inline(let data): size += data.count
            case .controllerHTTPFetch(let call):
                let data = try await file(config.localFilename, by: call, until: end)
                size += data.count
                filled.configs[index].source = .inline(data: data)
            case .executorLocalFile, .executorHTTPFetch: continue
            }
            guard size <= Self.largestTogether else {
                throw FetchFailure("the configuration files have more than \(Self.largestTogether) bytes together")
            }
        }
        return filled
    }

    private func file(
        _ name: String,
        by call: HTTPCallSpec,
        until end: ContinuousClock.Instant
    ) async throws -> [UInt8] {
        let late = FetchFailure("\(call.place) has not answered, and all files together have \(patience)")
        do {
            return try await withDeadline(end - .now, late: { late }) { try await self.answer(to: call).get() }
        } catch let failure as FetchFailure {
            throw FetchFailure("configuration file \(name): \(failure)")
        }
    }

    /// What is known, or what comes of the request that is under way or begins now.
    private func answer(to call: HTTPCallSpec) async throws -> Answer {
        let (answers, answer) = AsyncStream.makeStream(of: Answer.self, bufferingPolicy: .bufferingNewest(1))
        let now = time().now
        let begins = state.withLock { state -> Bool in
            if let entry = state.known[call], entry.until > now {
                answer.yield(entry.answer)
                return false
            }
            let others = state.waiting[call] ?? []
            state.waiting[call] = others + [answer]
            guard others.isEmpty else { return false }
            return Self.enter(call, &state)
        }
        if begins { begun.continuation.yield(call) }
        for await answer in answers { return answer }
        throw CancellationError()
    }

    // MARK: requests

    /// Makes the requests until cancelled.
    package func run() async {
        await withDiscardingTaskGroup { group in
            for await call in begun.stream {
                group.addTask {
                    var next: HTTPCallSpec? = call
                    while let call = next, !Task.isCancelled { next = await self.perform(call) }
                }
            }
        }
    }

    /// Makes one request and tells all who wait for it.
    ///
    /// - Returns: what the same server is asked next; `nil` if nothing is.
    private func perform(_ call: HTTPCallSpec) async -> HTTPCallSpec? {
        let answer: Answer?
        do {
            answer = .success(try await fetch(call))
        } catch is CancellationError {
            answer = nil
        } catch let failure as FetchFailure {
            answer = .failure(failure)
        } catch {
            answer = .failure(FetchFailure("\(error)"))
        }
        let now = time().now
        let (waiting, next) = state.withLock { state -> ([AsyncStream<Answer>.Continuation], HTTPCallSpec?) in
            if let answer { Self.keep(answer, of: call, at: now, &state) }
            let waiting = state.waiting.removeValue(forKey: call) ?? []
            return (waiting, Self.leave(call, &state))
        }
        for continuation in waiting {
            if let answer { continuation.yield(answer) }
            continuation.finish()
        }
        return next
    }

    /// Whether it may begin at once; if not, it is the turn of one of the same server later.
    private static func enter(_ call: HTTPCallSpec, _ state: inout State) -> Bool {
        var lane = state.lanes[Server(call)] ?? Lane()
        let hasRoom = lane.underWay < mostOfOneServer
        if hasRoom { lane.underWay += 1 } else { lane.queue.append(call) }
        state.lanes[Server(call)] = lane
        return hasRoom
    }

    private static func leave(_ call: HTTPCallSpec, _ state: inout State) -> HTTPCallSpec? {
        guard var lane = state.lanes[Server(call)] else { return nil }
        let next = lane.queue.isEmpty ? nil : lane.queue.removeFirst()
        if next == nil { lane.underWay -= 1 }
        state.lanes[Server(call)] = lane.underWay == 0 ? nil : lane
        return next
    }

    private static func keep(_ answer: Answer, of call: HTTPCallSpec, at now: Moment, _ state: inout State) {
        state.known = state.known.filter { $0.value.until > now }
        if state.known.values.reduce(0, { $0 + $1.size }) > largest { state.known.removeAll() }
        let span =
            switch answer {
            case .success: fileIsGoodFor
            case .failure: failureIsGoodFor
            }
        state.known[call] = Entry(until: now + span, answer: answer)
    }
}

extension Workload {
    /// Something of it is fetched by the controller.
    var needsFetching: Bool {
        configs.contains { if case .controllerHTTPFetch = $0.source { true } else { false } }
    }
}
