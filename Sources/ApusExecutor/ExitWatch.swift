import ApusAgent
import ApusContainers
package import ApusModel
package import Logging

/// Follows the engine's events for as long as the executor runs, over every break of the connection.
package struct ExitWatch: Sendable {
    private static let shortestPause = Duration.milliseconds(200)
    private static let longestPause = Duration.seconds(5)

    private let engine: any ContainerEngine
    private let cluster: ClusterID
    private let executor: ExecutorID
    private let inbox: Inbox
    private let logger: Logger

    package init(engine: any ContainerEngine, identity: NodeIdentity, inbox: Inbox, logger: Logger) {
        self.engine = engine
        cluster = identity.cluster
        executor = identity.id
        self.inbox = inbox
        self.logger = logger
    }

    /// Returns when cancelled.
    package func run() async {
        var since: WallTime?
        var pause = Self.shortestPause
        var isAway = false
        while !Task.isCancelled {
            do {
                try await engine.followExits(
                    labels: ContainerLabels.selection(cluster: cluster, executor: executor),
                    since: since,
                    began: {
                        if isAway { logger.info("container engine is back") }
                        isAway = false
                        pause = Self.shortestPause
                        since = since ?? Times.current.wall
                        // The engine remembers little: whatever happened before this must be looked up.
                        await inbox.send(.exitsMissed)
                    },
                    each: { exit in
                        since = exit.time
                        await inbox.send(
                            .containerExited(exit.container, code: exit.code, outOfMemory: exit.outOfMemory)
                        )
                    }
                )
            } catch is CancellationError {
                return
            } catch {
                if !isAway { logger.warning("container engine is away", metadata: ["error": "\(error)"]) }
                isAway = true
            }
            do { try await Task.sleep(for: pause) } catch { return }
            pause = min(pause * 2, Self.longestPause)
        }
    }
}
