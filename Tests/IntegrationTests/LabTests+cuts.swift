import ApusClient
import ApusLab
import ApusModel
import ApusTestKit
import Testing

/// Links that are cut; what is cut off runs on.
extension ServiceTests.LabTests.Scenarios {
    @Test(.timeLimit(.minutes(6)))
    func `a leader is cut off from ZooKeeper`() async throws {
        try await cutOffLeader { faults, leader, scene in faults.cut([leader], from: scene.zooKeeperAddresses) }
    }

    @Test(.timeLimit(.minutes(6)))
    func `nothing that a leader sends reaches ZooKeeper`() async throws {
        try await cutOffLeader { faults, leader, scene in faults.cut(from: [leader], to: scene.zooKeeperAddresses) }
    }

    @Test(.timeLimit(.minutes(6)))
    func `full suite: nothing that ZooKeeper sends reaches the leader`() async throws {
        try await cutOffLeader { faults, leader, scene in faults.cut(from: scene.zooKeeperAddresses, to: [leader]) }
    }

    /// Which way nothing passes between a leader and the others.
    enum Cut: Sendable {
        case both, toThem, fromThem
    }

    @Test(.timeLimit(.minutes(8)))
    func `a leader is cut off from all executors`() async throws { try await cutOffFromExecutors(.both) }

    @Test(.timeLimit(.minutes(8)), arguments: [Cut.toThem, .fromThem])
    func `full suite: a leader is cut off from all executors, one way only`(cut: Cut) async throws {
        try await cutOffFromExecutors(cut)
    }

    @Test(.timeLimit(.minutes(6)))
    func `a leader is cut off from ZooKeeper and all executors`() async throws { try await cutOffFromAll(.both) }

    @Test(.timeLimit(.minutes(6)), arguments: [Cut.toThem, .fromThem])
    func `full suite: a leader is cut off from ZooKeeper and all executors, one way only`(cut: Cut) async throws {
        try await cutOffFromAll(cut)
    }

    /// A task that it gave an executor which then took no command for 10 s is lost.
    private func cutOffFromExecutors(_ cut: Cut) async throws {
        try await cutOffLeader(tasks: .mayBeLost) { faults, leader, scene in
            faults.cut(cut, leader, scene.executorAddresses)
        }
    }

    private func cutOffFromAll(_ cut: Cut) async throws {
        try await cutOffLeader { faults, leader, scene in
            faults.cut(cut, leader, scene.zooKeeperAddresses + scene.executorAddresses)
        }
    }

    @Test(.timeLimit(.minutes(6)))
    func `an executor whose port is not reached is named so, and keeps its containers`() async throws {
        try await cutControl(for: .seconds(5))
    }

    @Test(.timeLimit(.minutes(6)))
    func `full suite: an executor whose port is not reached for half a minute keeps its containers`() async throws {
        try await cutControl(for: .seconds(30))
    }

    @Test(.timeLimit(.minutes(6)))
    func `an executor whose reports do not arrive is named so, given up, and keeps its containers`() async throws {
        try await scenario(.replaced([0], ranOn: true), tasks: .mayBeLost) { scene in
            let executor = scene.cluster.executors[0]
            try await scene.set {
                let port = LabCluster.controllerPort
                $0.cut(from: [executor.process.machine.address], to: scene.controllerAddresses, port: port)
            }
            try await isNamed(.data, executor, scene)
            try await until("it is given up", log: { scene.cluster.logTails }) {
                let summary = try await scene.summary(of: executor)
                #expect(summary.failures.channels == [.data])
                try check(summary.presence == "LOST", "it is \(summary.presence)")
            }
        }
    }

    /// Another one leads, and the one that was cut off stands by once it is back; before that it accepts nothing.
    ///
    /// A leader that hears no executor gives way once a minute at most, and it may just have been its turn.
    private func cutOffLeader(
        tasks: TaskFate = .run,
        _ cut: (inout LinkFaults, _ leader: String, LabScene) -> Void
    ) async throws {
        try await scenario(tasks: tasks) { scene in
            let leader = try await scene.leading()
            try await scene.set { cut(&$0, leader.process.machine.address, scene) }
            try await scene.anotherLeads(than: leader, within: .seconds(100))
            try await scene.untilAccepted()
            try await scene.clientsAreAnswered()
            #expect(await scene.change(at: leader) != .accepted)
            try await scene.clientsAreAnswered()
            try await scene.set { _ in }
            try await scene.standsBy(leader)
        }
    }

    /// What was on its way to it is started elsewhere after 10 s, or lost if it is a task.
    private func cutControl(for span: Duration) async throws {
        try await scenario(tasks: .mayBeLost) { scene in
            let executor = scene.cluster.executors[0]
            try await scene.set {
                let address = executor.process.machine.address
                $0.cut(from: scene.controllerAddresses, to: [address], port: LabCluster.executorPort)
            }
            try await isNamed(.control, executor, scene)
            let (leadership, end) = (try await scene.leadership(), ContinuousClock.now + span)
            try await until("it was named all the while", within: span + .seconds(30), every: .milliseconds(500)) {
                let summary = try await scene.summary(of: executor)
                // Another leader finds it out anew.
                if try await scene.leadership() == leadership {
                    #expect(summary.presence == "PRESENT" && summary.failures.channels == [.control])
                }
                try check(ContinuousClock.now >= end, "it is too early")
            }
        }
    }

    private func isNamed(_ channel: NodeChannel, _ executor: LabCluster.Executor, _ scene: LabScene) async throws {
        try await until("it is named", log: { scene.cluster.logTails }) {
            let summary = try await scene.summary(of: executor)
            try check(summary.failures.channels == [channel], "\(summary.failures)")
        }
    }
}

extension LinkFaults {
    fileprivate mutating func cut(_ cut: ServiceTests.LabTests.Scenarios.Cut, _ leader: String, _ others: [String]) {
        switch cut {
        case .both: self.cut([leader], from: others)
        case .toThem: self.cut(from: [leader], to: others)
        case .fromThem: self.cut(from: others, to: [leader])
        }
    }
}
