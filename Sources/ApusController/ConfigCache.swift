import ApusClient
import ApusModel
import Synchronization

/// Configuration files that the controller fetches for instances about to start (CONTROLLER_HTTP_FETCH).
///
/// What was fetched is good for a few seconds, so that many instances of one application, and a START that has to be
/// sent again, ask once; a failure too, so that a server that is away is not asked by each of them.
final class ConfigCache: Sendable {
    private static let goodFor = Duration.seconds(10)
    /// In bytes, of all files together: more are not kept.
    private static let largest = 64 << 20

    private struct Entry {
        var until: ContinuousClock.Instant
        var result: Result<[UInt8], FetchFailure>

        var size: Int {
            switch result {
            case .success(let bytes): bytes.count
            case .failure: 0
            }
        }
    }

    private let fetcher: ConfigFetcher
    private let entries = Mutex<[HTTPCallSpec: Entry]>([:])

    init(allowed: [FetchTarget]) { fetcher = ConfigFetcher(allowed: allowed) }

    /// The workload with its files in it, if all that it needs is at hand; `nil` if something must be fetched first.
    ///
    /// - Throws: `FetchFailure` naming the file that could not be had.
    func filled(_ workload: Workload) throws(FetchFailure) -> Workload? {
        var workload = workload
        for (index, config) in workload.configs.enumerated() {
            guard case .controllerHTTPFetch(let call) = config.source else { continue }
            guard let result = known(call) else { return nil }
            do throws(FetchFailure) {
                workload.configs[index].source = .inline(data: try result.get())
            } catch {
                throw FetchFailure("configuration file \(config.localFilename): \(error)")
            }
        }
        return workload
    }

    /// Fetches what is not at hand.
    func fetch(for workload: Workload) async throws {
        for config in workload.configs {
            guard case .controllerHTTPFetch(let call) = config.source, known(call) == nil else { continue }
            let result: Result<[UInt8], FetchFailure>
            do {
                result = .success(try await fetcher.fetch(call))
            } catch let failure as FetchFailure {
                result = .failure(failure)
            }
            keep(result, of: call)
        }
    }

    private func known(_ call: HTTPCallSpec) -> Result<[UInt8], FetchFailure>? {
        entries.withLock { entries in
            guard let entry = entries[call], entry.until > .now else { return nil }
            return entry.result
        }
    }

    private func keep(_ result: Result<[UInt8], FetchFailure>, of call: HTTPCallSpec) {
        entries.withLock { entries in
            let now = ContinuousClock.now
            entries = entries.filter { $0.value.until > now }
            let size = entries.values.reduce(0) { $0 + $1.size }
            if size > Self.largest { entries.removeAll() }
            entries[call] = Entry(until: now + Self.goodFor, result: result)
        }
    }
}

extension Workload {
    /// Something of it is fetched by the controller.
    var needsFetching: Bool {
        configs.contains { if case .controllerHTTPFetch = $0.source { true } else { false } }
    }
}
