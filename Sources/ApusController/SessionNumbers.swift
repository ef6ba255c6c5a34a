package import ApusEngine
import ApusModel
package import ApusStore
package import ApusTelemetry

/// How a controller's session with ZooKeeper is, and how much it has read there.
package struct SessionNumbers: Sendable {
    private let session: ZooKeeperSession
    private let totals: @Sendable () -> [RecordKind: StoreTotals]?

    /// `totals` says how much there is of each kind, `nil` while not all records are at hand.
    package init(_ session: ZooKeeperSession, totals: @escaping @Sendable () -> [RecordKind: StoreTotals]?) {
        self.session = session
        self.totals = totals
    }

    /// From now on they are among the numbers of this process.
    package func join(_ metrics: MetricRegistry) {
        metrics.describe([
            "apus.controller.zookeeper.connected": "1 while a ZooKeeper server answers.",
            "apus.controller.zookeeper.warm": "1 while all records are at hand.",
            "apus.controller.zookeeper.sessions": "Sessions so far; one more for each that ZooKeeper let expire.",
            "apus.controller.zookeeper.session.seconds":
                "How long a session lasts without a sign of this controller, as the servers granted it.",
            "apus.controller.store.records": "Records in the store by kind, while all are at hand.",
            "apus.controller.store.records.bytes": "Bytes that the records in the store hold, by kind.",
        ])
        metrics.add { _ in samples }
    }

    private var samples: [Sample] {
        let status = session.status
        let totals = totals()
        let ofSession = [
            Sample(Series("apus.controller.zookeeper.connected"), .gauge(status.phase == .connected ? 1 : 0)),
            Sample(Series("apus.controller.zookeeper.warm"), .gauge(totals == nil ? 0 : 1)),
            Sample(Series("apus.controller.zookeeper.sessions"), .counter(Int64(status.generation))),
            Sample(
                Series("apus.controller.zookeeper.session.seconds"),
                .gauge(Double(status.timeout.milliseconds) / 1000)
            ),
        ]
        return ofSession + (totals.map(Self.samples(of:)) ?? [])
    }

    private static func samples(of totals: [RecordKind: StoreTotals]) -> [Sample] {
        RecordKind.allCases.flatMap { kind in
            let own = totals[kind] ?? StoreTotals()
            return [
                Sample(
                    Series("apus.controller.store.records", ["kind": kind.rawValue]),
                    .gauge(Double(own.records))
                ),
                Sample(
                    Series("apus.controller.store.records.bytes", ["kind": kind.rawValue]),
                    .gauge(Double(own.bytes))
                ),
            ]
        }
    }
}
