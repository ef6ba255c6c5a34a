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
package struct LogRetention: Sendable {
    /// After a start what runs is found again first.
    private static let firstPause = Duration.seconds(60)
    private static let pause = Duration.seconds(3_600)

    private let root: String
    private let capture: LogCapture
    private let disk: DiskThread
    private let logger: Logger
    /// What all ended ones together may take.
    private let mostBytes: Int
    private let longestSeconds: Double

    package init(
        root: String,
        capture: LogCapture,
        disk: DiskThread,
        logger: Logger,
        mostBytes: Int = 10 << 30,
        longest: Duration = .seconds(7 * 86_400)
    ) {
        self.root = root
        self.capture = capture
        self.disk = disk
        self.logger = logger
        self.mostBytes = mostBytes
        longestSeconds = longest / .seconds(1)
    }

    /// Runs until cancelled.
    package func run() async {
        var pause = Self.firstPause
        while true {
            do {
                try await Task.sleep(for: pause)
                let removed = try await disk.run { self.sweep() }
                if !removed.isEmpty {
                    logger.info("old log files were removed", metadata: ["log.folders": "\(removed.count)"])
                }
            } catch {
                // Cancelled: nothing else is thrown.
                return
            }
            pause = capture.isListed ? Self.pause : Self.firstPause
        }
    }

    private struct Folder {
        var place: LogPlace
        var url: URL
        /// When its instance was last known to live.
        var time: Date
        var bytes: Int
    }

    /// Removes what is too old or too much; the folders of what is followed are marked as in use.
    ///
    /// Nothing as long as it is not known what runs: the engine may be away.
    package func sweep() -> [LogPlace] {
        guard capture.isListed else { return [] }
        for place in capture.places { LogFolder(place, below: root).touch() }
        var kept = LogPlace.Kind.allCases.flatMap(folders).filter { !capture.isFollowed($0.place) }
        kept.sort { ($0.time, $0.url.path) < ($1.time, $1.url.path) }
        var bytes = kept.reduce(0) { $0 + $1.bytes }
        let eldest = Date().addingTimeInterval(-longestSeconds)
        var removed: [LogPlace] = []
        for folder in kept where folder.time < eldest || bytes > mostBytes {
            bytes -= folder.bytes
            // Asked again: it may have been started meanwhile. Its files are opened on this thread, after this.
            guard !capture.isFollowed(folder.place) else { continue }
            do {
                try FileManager.default.removeItem(at: folder.url)
                removed.append(folder.place)
                removeIfEmpty(folder.url.deletingLastPathComponent())
            } catch {
                logger.warning("old log files cannot be removed", metadata: ["error": "\(error)"])
            }
        }
        return removed
    }

    private func folders(of kind: LogPlace.Kind) -> [Folder] {
        let top = URL(filePath: "\(root)/\(kind.rawValue)")
        return names(in: top).flatMap { owner in
            names(in: top.appending(path: owner)).compactMap { name in
                guard let place = LogPlace(kind, owner: owner, name: name) else { return nil }
                let url = top.appending(path: owner).appending(path: name)
                guard let time = attribute(.modificationDate, of: url) as? Date else { return nil }
                let bytes = names(in: url).reduce(0) { sum, file in
                    sum + (attribute(.size, of: url.appending(path: file)) as? Int ?? 0)
                }
                return Folder(place: place, url: url, time: time, bytes: bytes)
            }
        }
    }

    /// None of what is no folder, or has gone meanwhile.
    private func names(in folder: URL) -> [String] {
        do { return try FileManager.default.contentsOfDirectory(atPath: folder.path) } catch { return [] }
    }

    private func attribute(_ key: FileAttributeKey, of url: URL) -> Any? {
        do { return try FileManager.default.attributesOfItem(atPath: url.path)[key] } catch { return nil }
    }

    private func removeIfEmpty(_ folder: URL) {
        guard names(in: folder).isEmpty else { return }
        // Something may have come into it: then it stays.
        _ = folder.path.withCString { rmdir($0) }
    }
}
