import ApusModel
package import ApusStore
package import ApusTelemetry

/// How a controller's session with ZooKeeper is.
package struct SessionNumbers: Sendable {
    private let session: ZooKeeperSession
    private let isWarm: @Sendable () -> Bool

    /// `isWarm` says whether all records are at hand.
    package init(_ session: ZooKeeperSession, isWarm: @escaping @Sendable () -> Bool) {
        self.session = session
        self.isWarm = isWarm
    }

    /// From now on they are among the numbers of this process.
    package func join(_ metrics: MetricRegistry) {
        metrics.describe([
            "apus.controller.zookeeper.connected": "1 while a ZooKeeper server answers.",
            "apus.controller.zookeeper.warm": "1 while all records are at hand.",
            "apus.controller.zookeeper.sessions": "Sessions so far; one more for each that ZooKeeper let expire.",
            "apus.controller.zookeeper.session.seconds":
                "How long a session lasts without a sign of this controller, as the servers granted it.",
        ])
        metrics.add { _ in samples }
    }

    private var samples: [Sample] {
        let status = session.status
        return [
            Sample(Series("apus.controller.zookeeper.connected"), .gauge(status.phase == .connected ? 1 : 0)),
            Sample(Series("apus.controller.zookeeper.warm"), .gauge(isWarm() ? 1 : 0)),
            Sample(Series("apus.controller.zookeeper.sessions"), .counter(Int64(status.generation))),
            Sample(
                Series("apus.controller.zookeeper.session.seconds"),
                .gauge(Double(status.timeout.milliseconds) / 1000)
            ),
        ]
    }
}
