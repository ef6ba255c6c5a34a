import ApusModel
package import ApusStore
package import ApusTelemetry

/// How a controller's session with ZooKeeper is.
package struct SessionNumbers: Sendable {
    private let session: ZooKeeperSession

    package init(_ session: ZooKeeperSession) { self.session = session }

    /// From now on they are among the numbers of this process.
    package func join(_ metrics: MetricRegistry) {
        metrics.describe([
            "apus.controller.zookeeper.connected": "1 while a ZooKeeper server answers.",
            "apus.controller.zookeeper.sessions": "Sessions so far; one more for each that ZooKeeper let expire.",
            "apus.controller.zookeeper.session.seconds": "How long a session lasts without a sign, as the servers granted.",
        ])
        metrics.add { _ in samples }
    }

    private var samples: [Sample] {
        let status = session.status
        return [
            Sample(Series("apus.controller.zookeeper.connected"), .gauge(status.phase == .connected ? 1 : 0)),
            Sample(Series("apus.controller.zookeeper.sessions"), .counter(Int64(status.generation))),
            Sample(
                Series("apus.controller.zookeeper.session.seconds"),
                .gauge(Double(status.timeout.milliseconds) / 1000)
            ),
        ]
    }
}
