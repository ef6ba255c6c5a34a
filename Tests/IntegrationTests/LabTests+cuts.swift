import ApusClient
import ApusLab
import ApusModel
import ApusTestKit
import Testing

/// Links that are cut; what is cut off runs on.
extension ServiceTests.LabTests.Scenarios {
    @Test(.timeLimit(.minutes(3)))
    func `a leader is cut off from ZooKeeper`() async throws {
        try await cutOffLeader { faults, leader, scene in faults.cut([leader], from: scene.zooKeeperAddresses) }
    }

    @Test(.timeLimit(.minutes(3)))
    func `nothing that a leader sends reaches ZooKeeper`() async throws {
        try await cutOffLeader { faults, leader, scene in faults.cut(from: [leader], to: scene.zooKeeperAddresses) }
    }

    @Test(.timeLimit(.minutes(3)))
    func `full suite: nothing that ZooKeeper sends reaches the leader`() async throws {
        try await cutOffLeader { faults, leader, scene in faults.cut(from: scene.zooKeeperAddresses, to: [leader]) }
    }

    @Test(.timeLimit(.minutes(5)))
    func `full suite: a leader is cut off from all executors`() async throws {
        try await cutOffLeader { faults, leader, scene in faults.cut([leader], from: scene.executorAddresses) }
    }

    @Test(.timeLimit(.minutes(5)))
    func `full suite: nothing that a leader sends reaches the executors`() async throws {
        try await cutOffLeader { faults, leader, scene in faults.cut(from: [leader], to: scene.executorAddresses) }
    }

    @Test(.timeLimit(.minutes(5)))
    func `full suite: nothing that the executors send reaches the leader`() async throws {
        try await cutOffLeader { faults, leader, scene in faults.cut(from: scene.executorAddresses, to: [leader]) }
    }

    @Test(.timeLimit(.minutes(3)))
    func `full suite: a leader is cut off from ZooKeeper and all executors`() async throws {
        try await cutOffLeader { faults, leader, scene in
            faults.cut([leader], from: scene.zooKeeperAddresses + scene.executorAddresses)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `an executor whose port is not reached is named so, and keeps its containers`() async throws {
        try await cutChannel(.control) { faults, executor, scene in
            faults.cut(from: scene.controllerAddresses, to: [executor], port: LabCluster.executorPort)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `an executor whose reports do not arrive is named so, and keeps its containers`() async throws {
        try await cutChannel(.data) { faults, executor, scene in
            faults.cut(from: [executor], to: scene.controllerAddresses, port: LabCluster.controllerPort)
        }
    }

    /// Another one leads, and the one that was cut off stands by once it is back.
    ///
    /// A leader that hears no executor gives way once a minute at most, and it may just have been its turn.
    private func cutOffLeader(_ cut: (inout LinkFaults, _ leader: String, LabScene) -> Void) async throws {
        try await scenario { scene in
            let leader = try await scene.leading()
            try await scene.set { cut(&$0, leader.process.machine.address, scene) }
            try await scene.anotherLeads(than: leader, within: .seconds(100))
            try await scene.untilAccepted()
            try await scene.set { _ in }
            try await scene.standsBy(leader)
        }
    }

    private func cutChannel(
        _ channel: NodeChannel,
        _ cut: (inout LinkFaults, _ executor: String, LabScene) -> Void
    ) async throws {
        try await scenario { scene in
            let executor = scene.cluster.executors[0]
            try await scene.set { cut(&$0, executor.process.machine.address, scene) }
            try await until("it is named", log: { scene.cluster.logTails }) {
                let summary = try await scene.summary(of: executor)
                try check(summary.failures.channels == [channel], "\(summary.failures)")
            }
        }
    }
}
