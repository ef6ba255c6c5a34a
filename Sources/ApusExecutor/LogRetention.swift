package import Logging

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif
#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Keeps the logs of what has ended for a while, the newest longest.
///
/// The logs' thread, on which others write, is asked for a little at a time.
package struct LogRetention: Sendable {
    /// Measures the file system that holds a directory.
    package typealias Measure = @Sendable (_ root: String) throws -> FileSystemSpace?

    /// After a start what runs is found again first.
    private static let firstPause = Duration.seconds(60)
    private static let pause = Duration.seconds(3_600)
    /// A disk that is full stays so perhaps, whatever is removed here.
    private static let leastPause = Duration.seconds(60)
    /// So much of their file system all logs may take, in percent.
    private static let share: Int64 = 80
    /// Measured in one go.
    private static let mostAtOnce = 32

    private let root: String
    private let capture: LogCapture
    private let disk: DiskThread
    private let logger: Logger
    /// What all ended ones together may take.
    private let mostBytes: Int
    private let longestSeconds: Double
    private let measure: Measure

    package init(
        root: String,
        capture: LogCapture,
        disk: DiskThread,
        logger: Logger,
        mostBytes: Int = 10 << 30,
        longest: Duration = .seconds(7 * 86_400),
        measure: @escaping Measure = { try FileSystemSpace(holding: $0) }
    ) {
        self.root = root
        self.capture = capture
        self.disk = disk
        self.logger = logger
        self.mostBytes = mostBytes
        longestSeconds = longest / .seconds(1)
        self.measure = measure
    }

    // MARK: when

    /// Runs until cancelled: sweeps now and then, and soon when the disk is full.
    package func run() async {
        let wakes = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        await withDiscardingTaskGroup { group in
            group.addTask { await tick(wakes.continuation) }
            group.addTask { for await _ in capture.roomWanted.stream { wakes.continuation.yield() } }
            var last: ContinuousClock.Instant?
            for await _ in wakes.stream where capture.isListed {
                if let last, ContinuousClock.now - last < Self.leastPause { continue }
                do {
                    let removed = try await sweep()
                    if !removed.isEmpty {
                        logger.info("old log files were removed", metadata: ["log.folders": "\(removed.count)"])
                    }
                } catch {
                    // Cancelled: nothing else is thrown.
                    break
                }
                last = .now
            }
            group.cancelAll()
        }
    }

    private func tick(_ wakes: AsyncStream<Void>.Continuation) async {
        var pause = Self.firstPause
        while true {
            do { try await Task.sleep(for: pause) } catch { return }
            pause = capture.isListed ? Self.pause : Self.firstPause
            wakes.yield()
        }
    }

    // MARK: what

    private struct Folder: Sendable {
        var place: LogPlace
        var url: URL
        /// When its instance was last known to live.
        var time: Date
        var bytes: Int
    }

    /// Removes what is too old or too much; the folders of what is followed are marked as in use.
    ///
    /// Nothing as long as it is not known what runs: the engine may be away.
    ///
    /// - Throws: `CancellationError`.
    package func sweep() async throws -> [LogPlace] {
        guard capture.isListed else { return [] }
        let followed = capture.places
        let folders = try await folders(marking: followed)
        let ended = folders.filter { !followed.contains($0.place) }
            .sorted { ($0.time, $0.url.path) < ($1.time, $1.url.path) }
        func bytes(_ folders: [Folder]) -> Int { folders.reduce(0) { $0 + $1.bytes } }
        let room = try await roomForAll()
        var excess = max(bytes(ended) - mostBytes, bytes(folders) - room)
        let eldest = Date().addingTimeInterval(-longestSeconds)
        var removed: [LogPlace] = []
        for folder in ended where folder.time < eldest || excess > 0 {
            guard try await disk.run({ remove(folder) }) else { continue }
            excess -= folder.bytes
            removed.append(folder.place)
        }
        return removed
    }

    /// What all logs may take, with those of what runs; anything where the file system does not tell its size.
    private func roomForAll() async throws -> Int {
        let size: Int64? = try await disk.run {
            do {
                return try measure(root)?.total
            } catch {
                // Before the first log there need not be such a directory.
                return nil
            }
        }
        return size.map { Int($0 / 100 * Self.share) } ?? .max
    }

    private func folders(marking followed: Set<LogPlace>) async throws -> [Folder] {
        var found: [Folder] = []
        for kind in LogPlace.Kind.allCases {
            let top = URL(filePath: "\(root)/\(kind.rawValue)")
            for owner in try await disk.run({ names(in: top) }) {
                let all = try await disk.run { names(in: top.appending(path: owner)) }
                    .compactMap { LogPlace(kind, owner: owner, name: $0) }
                for start in stride(from: 0, to: all.count, by: Self.mostAtOnce) {
                    let places = Array(all[start...].prefix(Self.mostAtOnce))
                    let some: [Folder] = try await disk.run {
                        for place in places where followed.contains(place) { LogFolder(place, below: root).touch() }
                        return places.compactMap { folder(of: $0) }
                    }
                    found += some
                }
            }
        }
        return found
    }

    // MARK: on the logs' thread

    private func folder(of place: LogPlace) -> Folder? {
        let url = URL(filePath: LogFolder(place, below: root).path)
        guard let time = attribute(.modificationDate, of: url) as? Date else { return nil }
        let bytes = names(in: url).reduce(0) { sum, file in
            sum + (attribute(.size, of: url.appending(path: file)) as? Int ?? 0)
        }
        return Folder(place: place, url: url, time: time, bytes: bytes)
    }

    /// - Returns: whether it is gone.
    private func remove(_ folder: Folder) -> Bool {
        // Asked again: it may have been started meanwhile. Its files are opened on this thread, after this.
        guard !capture.isFollowed(folder.place) else { return false }
        do {
            try FileManager.default.removeItem(at: folder.url)
        } catch {
            logger.warning("old log files cannot be removed", metadata: ["error": "\(error)"])
            return false
        }
        let owner = folder.url.deletingLastPathComponent()
        // Something may have come into it: then it stays.
        if names(in: owner).isEmpty { _ = owner.path.withCString { rmdir($0) } }
        return true
    }

    /// None of what is no folder, or has gone meanwhile.
    private func names(in folder: URL) -> [String] {
        do { return try FileManager.default.contentsOfDirectory(atPath: folder.path) } catch { return [] }
    }

    private func attribute(_ key: FileAttributeKey, of url: URL) -> Any? {
        do { return try FileManager.default.attributesOfItem(atPath: url.path)[key] } catch { return nil }
    }
}

extension FileFailure {
    /// The disk is full, or what one user may have of it.
    var wantsRoom: Bool { code == ENOSPC || code == EDQUOT }
}
