import ApusContainers
package import ApusModel
package import Logging
import Synchronization

/// The images that Apus fetches: each once, however many ask for it, and away again when nothing needs it any more.
///
/// An image that was there before is not ours: it is used as it is and never removed. One that we fetched by a tag is
/// asked for again at each start, since the tag may name another by now; if its registry does not answer soon, the one
/// that is there is used.
package final class ImageKeeper: Sendable {
    /// How long a registry may take to say that a tag still names the image that is there.
    private static let refreshLimit = Duration.seconds(5)
    /// Callers have times of their own; this only ends what nobody ends.
    private static let fetchLimit = Duration.seconds(24 * 3600)
    private static let progressInterval = Duration.seconds(2)

    let engine: any ContainerEngine
    private let registries: RegistryList
    private let ledger: ImageLedger?
    /// They stay, to be there for the next start.
    let keepsImages: Bool
    let logger: Logger
    let state = Mutex(State())

    enum News: Sendable {
        case progress(String)
        case ended(Result<Void, any Error>)
        /// Whoever was at work has given up: it is the listener's now.
        case turn
    }

    /// Whether a registry has said anything yet.
    private final class Listening: Sendable {
        let hasAnswered = Mutex(false)
    }

    /// One image's work: one at a time, and those who wait for it.
    struct Lane {
        var owner: Int
        var waiting: [Int: AsyncStream<News>.Continuation] = [:]
    }

    struct State {
        var lanes: [String: Lane] = [:]
        var lastTicket = 0
        var fetched = FetchedImages()
        /// Who asked for an image, until it is known otherwise who needs it.
        var holders: [String: Set<InstanceID>] = [:]
    }

    /// `ledger` remembers over restarts what was fetched; without it nothing that an earlier run fetched is removed.
    package init(
        engine: any ContainerEngine,
        registries: RegistryList = .empty,
        ledger: ImageLedger? = nil,
        keepsImages: Bool = false,
        logger: Logger
    ) {
        self.engine = engine
        self.registries = registries
        self.ledger = ledger
        self.keepsImages = keepsImages
        self.logger = logger
        state.withLock { $0.fetched = ledger?.known ?? FetchedImages() }
    }

    /// Returns when the image is there; `progress` is told how far it has come, at most every two seconds.
    ///
    /// - Throws: `ContainerError`, `RegistryFileError`, or `CancellationError` when the task was cancelled.
    package func fetch(
        _ image: String,
        for instance: InstanceID,
        progress: @escaping @Sendable (String) -> Void
    ) async throws {
        state.withLock { _ = $0.holders[image, default: []].insert(instance) }
        let (ticket, news) = enter(image)
        if let news {
            switch await wait(news, progress) {
            case .success(let result?): return try result.get()
            case .success(nil): break
            case .failure:
                leave(image, ticket)
                throw CancellationError()
            }
        }
        do {
            try await provide(image) { text in
                progress(text)
                self.tell(image, .progress(text))
            }
            end(image, .success(()))
        } catch is CancellationError {
            leave(image, ticket)
            throw CancellationError()
        } catch {
            end(image, .failure(error))
            throw error
        }
    }

    // MARK: lanes

    /// Takes the image's lane, or a place among those who wait for it.
    private func enter(_ image: String) -> (ticket: Int, news: AsyncStream<News>?) {
        state.withLock { state in
            state.lastTicket += 1
            let ticket = state.lastTicket
            guard state.lanes[image] != nil else {
                state.lanes[image] = Lane(owner: ticket)
                return (ticket, nil)
            }
            let (news, listener) = AsyncStream.makeStream(of: News.self, bufferingPolicy: .bufferingNewest(4))
            state.lanes[image]?.waiting[ticket] = listener
            return (ticket, news)
        }
    }

    /// How the work of whoever had the lane ended; `nil` if the lane is the caller's now.
    private func wait(
        _ news: AsyncStream<News>,
        _ progress: @Sendable (String) -> Void
    ) async -> Result<Result<Void, any Error>?, CancellationError> {
        for await item in news {
            switch item {
            case .progress(let text): progress(text)
            case .ended(let result): return .success(result)
            case .turn: return Task.isCancelled ? .failure(CancellationError()) : .success(nil)
            }
        }
        return .failure(CancellationError())
    }

    private func tell(_ image: String, _ news: News) {
        state.withLock { state in
            for listener in (state.lanes[image]?.waiting ?? [:]).values { listener.yield(news) }
        }
    }

    /// The work is done for all who wait for it.
    private func end(_ image: String, _ result: Result<Void, any Error>) {
        state.withLock { state in
            guard let lane = state.lanes.removeValue(forKey: image) else { return }
            for listener in lane.waiting.values {
                listener.yield(.ended(result))
                listener.finish()
            }
        }
    }

    /// Whoever had the lane, or waited for it, gives up; the next goes on.
    func leave(_ image: String, _ ticket: Int) {
        state.withLock { state in
            state.lanes[image]?.waiting[ticket] = nil
            guard let lane = state.lanes[image], lane.owner == ticket else { return }
            guard let (next, listener) = lane.waiting.min(by: { $0.key < $1.key }) else {
                state.lanes[image] = nil
                return
            }
            state.lanes[image]?.owner = next
            state.lanes[image]?.waiting[next] = nil
            listener.yield(.turn)
            listener.finish()
        }
    }

    // MARK: the work

    private func provide(_ image: String, _ progress: @escaping @Sendable (String) -> Void) async throws {
        let present = try await engine.imageID(of: image)
        guard let present else { return try await fetchMissing(image, progress) }
        guard await isOurs(image, present), !ImageReference(image).isDigest else { return }
        do {
            try await refresh(image, progress)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            warn("the registry was not asked whether the image is still the same: the local one is used", image, error)
        }
        let id = try await engine.imageID(of: image) ?? present
        await change { $0.replace(image, with: id) }
    }

    /// Whether the image that is there is one that we fetched.
    func isOurs(_ image: String, _ present: String) async -> Bool {
        let (own, isComing) = state.withLock { ($0.fetched.ids[image], $0.fetched.coming.contains(image)) }
        guard own != present else { return true }
        // It came when nobody waited for it any more, this executor not running say; or, if it was not on its way, somebody
        // has put another in its place: that one is theirs, and is used as it is.
        if own != nil || isComing { await change { $0.replace(image, with: isComing ? present : nil) } }
        return isComing
    }

    /// As `pull`, but given up if the registry has not answered soon; what has begun to come may take its time.
    private func refresh(_ image: String, _ progress: @escaping @Sendable (String) -> Void) async throws {
        let registry = Listening()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                try await self.pull(image) { text in
                    registry.hasAnswered.withLock { $0 = $0 || !text.isEmpty }
                    progress(text)
                }
                return true
            }
            group.addTask {
                try await Task.sleep(for: Self.refreshLimit)
                return false
            }
            while let isDone = try await group.next() {
                guard !isDone else { return }
                guard registry.hasAnswered.withLock({ $0 }) else {
                    throw ContainerError(
                        .timedOut,
                        doing: "asking for image \(image)",
                        message: "the registry did not answer within \(Self.refreshLimit)"
                    )
                }
            }
        }
    }

    /// An image that came from elsewhere while we tried will do.
    private func fetchMissing(_ image: String, _ progress: @escaping @Sendable (String) -> Void) async throws {
        do {
            try await pull(image, progress)
        } catch let error as ContainerError {
            guard error.code != .unreachable else { throw error }
            let isThere = try await engine.imageID(of: image) != nil
            await change { $0.replace(image, with: nil) }
            guard isThere else { throw error }
            return warn("image could not be fetched, the local one is used", image, error)
        }
        if let id = try await engine.imageID(of: image) { await change { $0.replace(image, with: id) } }
    }

    private func pull(_ image: String, _ progress: @escaping @Sendable (String) -> Void) async throws {
        let told = Mutex<(at: ContinuousClock.Instant, text: String)?>(nil)
        let credentials = try await registries.credentials(for: ImageReference(image).registry)
        await change { $0.coming.insert(image) }
        try await engine.pull(image, credentials: credentials, deadline: Self.fetchLimit) { text in
            let isNews = told.withLock { last in
                let now = ContinuousClock.now
                // An empty one must not hold back those that follow it.
                guard !text.isEmpty, last.map({ $0.text != text && now - $0.at >= Self.progressInterval }) ?? true
                else { return false }
                last = (now, text)
                return true
            }
            if isNews { progress(text) }
        }
    }

    /// Takes the image's lane unless somebody has it, and if `isDue`.
    func claim(_ image: String, if isDue: (State) -> Bool) -> Int? {
        state.withLock { state in
            guard state.lanes[image] == nil, isDue(state) else { return nil }
            state.lastTicket += 1
            state.lanes[image] = Lane(owner: state.lastTicket)
            return state.lastTicket
        }
    }

    func change(_ change: (inout FetchedImages) -> Void) async {
        let isNews = state.withLock { state in
            let before = state.fetched
            change(&state.fetched)
            return state.fetched != before
        }
        guard isNews, let ledger else { return }
        do {
            // As they are when it is written: a later change may have come before.
            try await ledger.write { self.state.withLock(\.fetched) }
        } catch {
            logger.warning("the list of fetched images cannot be written", metadata: ["error": "\(error)"])
        }
    }

    func warn(_ text: Logger.Message, _ image: String, _ error: any Error) {
        logger.warning(text, metadata: ["image": "\(image)", "error": "\(error)"])
    }
}
