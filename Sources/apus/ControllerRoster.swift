import ApusController
import ApusModel
import ApusStore
import Logging
import ServiceLifecycle
import Synchronization

/// The controllers of a cluster as they stand in ZooKeeper, whoever leads or is next first; it only reads there.
///
/// While ZooKeeper is away those hold that were read last: nobody else can come to lead then.
final class ControllerRoster: Service {
    /// So long a server is waited for before that is told.
    private static let patience: Duration = .seconds(10)
    /// They are read again after so long even if nobody came or went: one may have said late where it is.
    private static let interval: Duration = .seconds(30)
    private static let pause: Duration = .seconds(1)

    private let settings: ZooKeeperSession.Settings
    private let logger: Logger
    private let known = Mutex<[String]>([])

    init(_ settings: ZooKeeperSession.Settings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    var address: ZooKeeperAddress { settings.address }

    /// Their base URLs; none until they were read for the first time.
    var urls: [String] { known.withLock(\.self) }

    func run() async throws {
        let session = ZooKeeperSession.open(settings)
        await cancelWhenGracefulShutdown { [self] in await follow(session) }
        await session.close()
    }

    private func follow(_ session: ZooKeeperSession) async {
        var (told, change) = ("", Watch(session))
        while !Task.isCancelled {
            // Each new one the library would keep until somebody comes or goes, which may take months.
            if change.hasFired { change = Watch(session) }
            do throws(StoreError) {
                try await session.connected(within: Self.patience)
                let urls = try await session.standingControllers(watch: change).compactMap { Self.url(of: $0) }
                if !urls.isEmpty { known.withLock { $0 = urls } }
                told = ""
                await change.wait(within: urls.isEmpty ? Self.pause : Self.interval)
            } catch {
                guard !Task.isCancelled else { return }
                if told != "\(error)" {
                    logger.warning("ZooKeeper does not say who the controllers are", metadata: ["error": "\(error)"])
                }
                told = "\(error)"
                // try?: cancelled means that the loop ends.
                try? await Task.sleep(for: Self.pause)
            }
        }
    }

    /// `nil` of one that has not said yet where it is.
    private static func url(of description: [UInt8]) -> String? {
        do throws(JSONError) { return try ControllerCard(description).url } catch { return nil }
    }
}
