import ApusContainers
package import ApusModel
package import Logging
import Synchronization

/// Writes the output of all containers to files, every line once, whatever breaks in between.
///
/// How far each is written stands in the files themselves; after any break reading goes on from there. What waits
/// meanwhile waits at the engine, within its own bound.
package final class LogCapture: Sendable {
    private static let shortestPause = Duration.milliseconds(200)
    private static let longestPause = Duration.seconds(5)
    /// Until a container that has stopped is looked at again: it may be started again.
    private static let restPause = Duration.seconds(1)
    /// For the rest of an ended container's output; the engine keeps little more than this writes in a few seconds.
    private static let longestDrain = Duration.seconds(600)

    private struct Entry {
        var place: LogPlace
        var container: ContainerID
        var limits: LogLimits
        var isEnded = false
        /// Nobody waits for it any more: what cannot be written of it now is lost.
        var isAbandoned = false
        /// What is left of it can be read to its end though the container is removed.
        var isHeld = false
        /// Rises with each change.
        var version = 0
        /// Told of the next change.
        var change: AsyncStream<Void>.Continuation?
    }

    private let root: String
    private let source: any LogSource
    private let disk: DiskThread
    private let meters: LogMeters?
    private let logger: Logger
    private let compressor: LogCompressor
    private let troubles: LogTroubles
    private let entries = Mutex<[InstanceID: Entry]>([:])
    /// All containers were looked at once: what is followed is all that runs.
    private let isComplete = Mutex(false)
    /// Something could not be written for want of room, since it was asked last.
    let roomWanted = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    /// New entries, for `run` to give each its task; there are as many as containers.
    private let fresh = AsyncStream.makeStream(of: InstanceID.self, bufferingPolicy: .unbounded)

    /// `root` is the folder of all logs, `disk` a thread for them alone.
    package init(
        root: String,
        source: any LogSource,
        disk: DiskThread,
        meters: LogMeters? = nil,
        logger: Logger
    ) {
        self.root = root
        self.source = source
        self.disk = disk
        self.meters = meters
        self.logger = logger
        compressor = LogCompressor(disk: disk, logger: logger)
        troubles = LogTroubles(logger: logger)
    }

    // MARK: what is followed

    /// A container of this instance runs, or has run: its output is wanted.
    ///
    /// To say it again changes nothing; another container of the instance takes the place of the one before.
    package func follow(
        instance: InstanceID,
        owner: Owner,
        container: ContainerID,
        logging: LoggingSpec?
    ) {
        guard let place = LogPlace(owner: owner, instance: instance), let limits = LogLimits(logging) else { return }
        follow(instance, place, container, limits)
    }

    func follow(_ instance: InstanceID, _ place: LogPlace, _ container: ContainerID, _ limits: LogLimits) {
        entries.withLock { entries in
            guard var entry = entries[instance] else {
                entries[instance] = Entry(place: place, container: container, limits: limits)
                fresh.continuation.yield(instance)
                return
            }
            guard entry.container != container else { return }
            entry.container = container
            entry.isEnded = false
            entry.isAbandoned = false
            entry.isHeld = false
            entries[instance] = Self.changed(entry)
        }
    }

    /// Its container has stopped for good: what is left of its output is written, and then it is followed no more.
    ///
    /// Where another container has taken its place nothing changes; `nil` is whichever it is.
    package func ended(_ instance: InstanceID, of container: ContainerID? = nil) {
        entries.withLock { entries in
            guard var entry = entries[instance], !entry.isEnded, container ?? entry.container == entry.container
            else { return }
            entry.isEnded = true
            entries[instance] = Self.changed(entry)
        }
    }

    /// As `ended`, and waits until all is written, so that the container may be removed; at most for `limit`.
    ///
    /// What can be read to its end without the container is written then all the same.
    package func drained(
        _ instance: InstanceID,
        of container: ContainerID? = nil,
        within limit: Duration = .seconds(5)
    ) async {
        ended(instance, of: container)
        let end = ContinuousClock.now + limit
        while let entry = entries.withLock({ $0[instance] }), entry.isEnded,
            container ?? entry.container == entry.container
        {
            guard ContinuousClock.now < end else {
                entries.withLock { $0[instance]?.isAbandoned = true }
                if !entry.isHeld { warnOfLoss(of: instance) }
                return
            }
            do { try await Task.sleep(for: .milliseconds(10)) } catch { return }
        }
    }

    private func warnOfLoss(of instance: InstanceID, _ error: (any Error)? = nil) {
        var metadata: Logger.Metadata = ["instance.id": "\(instance)"]
        if let error { metadata["error"] = "\(error)" }
        logger.warning("a container is removed before all of its output is written", metadata: metadata)
    }

    /// There is no room for what is to be written.
    package func wantRoom() { roomWanted.continuation.yield() }

    /// What was found of containers is followed now, be it all of them or not.
    package func listed(all isComplete: Bool) { self.isComplete.withLock { $0 = isComplete } }

    /// Whether what is not followed has ended.
    var isListed: Bool { isComplete.withLock(\.self) }

    func isFollowed(_ place: LogPlace) -> Bool {
        entries.withLock { $0.values.contains { $0.place == place } }
    }

    /// The folders in use.
    var places: Set<LogPlace> { entries.withLock { Set($0.values.map(\.place)) } }

    /// What people should know of: a disk that is full, say.
    package var warnings: [String] { troubles.warnings }

    private static func changed(_ entry: Entry) -> Entry {
        var entry = entry
        entry.version += 1
        entry.change?.finish()
        entry.change = nil
        return entry
    }

    // MARK: the work

    /// Runs until cancelled.
    package func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.compressor.run() }
            for await instance in fresh.stream {
                group.addTask { await self.capture(instance) }
            }
        }
    }

    /// One instance's output, from the first call of `follow` until it has ended and all is written.
    private func capture(_ instance: InstanceID) async {
        var writer: LogWriter?
        var pause = Self.shortestPause
        while !Task.isCancelled, let entry = entries.withLock({ $0[instance] }) {
            var longest = Self.restPause
            do {
                if writer == nil {
                    writer = try await opened(entry, of: instance)
                    troubles.passed(instance)
                }
                guard let writer else { return }
                let isDone = try await read(entry, of: instance, into: writer)
                troubles.passed(instance)
                pause = min(pause, longest)
                if isDone, finished(instance, entry) { return }
            } catch is CancellationError {
                return
            } catch let error as ContainerError where error.code == .notFound {
                // Nothing more comes from a container that is gone; another of the instance is told by `follow`.
                if finished(instance, entry) { return }
            } catch {
                if entries.withLock({ $0[instance]?.isAbandoned ?? true }), finished(instance, entry) {
                    return warnOfLoss(of: instance, error)
                }
                if let failure = error as? FileFailure, failure.wantsRoom { wantRoom() }
                troubles.met(error, instance)
                longest = Self.longestPause
            }
            await change(of: instance, since: entry.version, within: pause)
            pause = min(pause * 2, longest)
        }
    }

    private func opened(_ entry: Entry, of instance: InstanceID) async throws -> LogWriter {
        let folder = LogFolder(entry.place, below: root)
        let source = entry.place.kind == .tasks ? entry.place.owner : nil
        return try await disk.run { [meters, compressor] in
            try LogWriter(folder, limits: entry.limits, compressor: compressor) {
                meters?.wrote($0, of: instance, source: source)
            }
        }
    }

    /// Forgets an entry that nobody has changed meanwhile.
    private func finished(_ instance: InstanceID, _ entry: Entry) -> Bool {
        entries.withLock { entries in
            guard entries[instance]?.version == entry.version else { return false }
            entries[instance] = nil
            meters?.forget(instance)
            troubles.forget(instance)
            return true
        }
    }

    /// Reads until the stream ends or the entry changes.
    ///
    /// - Returns: whether all is written that will ever come.
    private func read(_ entry: Entry, of instance: InstanceID, into writer: LogWriter) async throws -> Bool {
        guard !entry.isEnded else {
            try await within(Self.longestDrain, doing: "reading the rest of the output of \(entry.container)") {
                try await self.pump(entry, of: instance, following: false, into: writer)
            }
            return true
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await self.pump(entry, of: instance, following: true, into: writer) }
            group.addTask { await self.change(of: instance, since: entry.version, within: nil) }
            try await group.next()
        }
        return false
    }

    /// Waits for a change of the entry, at most for `limit`.
    private func change(of instance: InstanceID, since version: Int, within limit: Duration?) async {
        let changes = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let isChanged = entries.withLock { entries in
            guard entries[instance]?.version == version else { return true }
            entries[instance]?.change = changes.continuation
            return false
        }
        guard !isChanged else { return }
        await withTaskGroup { group in
            defer { group.cancelAll() }
            group.addTask { for await _ in changes.stream {} }
            if let limit {
                group.addTask {
                    // Cancelled, it has waited long enough.
                    do { try await Task.sleep(for: limit) } catch {}
                }
            }
            await group.next()
        }
    }

    private func pump(
        _ entry: Entry,
        of instance: InstanceID,
        following: Bool,
        into writer: LogWriter
    ) async throws {
        defer { hold(instance, entry, false) }
        let pump = LogPump(
            source: source,
            disk: disk,
            container: entry.container,
            longestLine: entry.limits.longestLine,
            writer: writer,
            held: { [self] in hold(instance, entry, true) },
            wrote: { [troubles] in troubles.passed(instance) }
        )
        try await pump.run(following: following)
    }

    private func hold(_ instance: InstanceID, _ entry: Entry, _ isHeld: Bool) {
        // Of one that is followed more may come.
        guard entry.isEnded else { return }
        entries.withLock { entries in
            if entries[instance]?.version == entry.version { entries[instance]?.isHeld = isHeld }
        }
    }
}
