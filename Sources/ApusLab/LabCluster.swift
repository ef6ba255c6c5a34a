package import ApusClient
package import ApusModel
import ApusTestKit
import Foundation
import NIOCore
import NIOPosix

/// A cluster of real processes, each controller and each executor on a machine of its own in a lab.
///
/// The executors' container engines are played; they run on their executor's machine and do not end with it.
package struct LabCluster: Sendable {
    /// What is run.
    package struct Programs: Sendable {
        package var apus: String
        package var fakeEngine: String
        /// Needed by more controllers than one.
        package var zooKeeperJar: String?

        package init(apus: String, fakeEngine: String, zooKeeperJar: String?) {
            self.apus = apus
            self.fakeEngine = fakeEngine
            self.zooKeeperJar = zooKeeperJar
        }

        func jar() throws -> String {
            guard let zooKeeperJar else { throw Unfulfilled("where ZooKeeper's jar is was not said") }
            return zooKeeperJar
        }
    }

    package struct Controller: Sendable {
        package let process: LabProcess
        package let api: APIClient

        init(_ process: LabProcess, _ access: LabAccess) {
            self.process = process
            let place = "\(process.machine.address):\(LabCluster.controllerPort)"
            api = APIClient(endpoint: "http://\(place)", as: access.caller)
        }

        fileprivate init(
            _ number: Int,
            _ apus: String,
            _ access: LabAccess,
            _ options: [String],
            _ machine: Lab.Machine,
            _ lab: Lab
        ) {
            let name = "\(lab.folder)/controller-\(number)"
            let place = "\(machine.address):\(LabCluster.controllerPort)"
            let process = LabProcess(
                [
                    apus, "controller", "--state", name, "--address", place, "--hostname", machine.address, "--users",
                    access.users, "--node-secret-file", access.secrets, "--admin-address", "none",
                ] + options,
                on: machine,
                of: lab,
                log: "\(name).log"
            )
            self.init(process, access)
        }
    }

    package struct Executor: Sendable {
        package let process: LabProcess
        package let engine: LabProcess
        package let zone: String
        /// Where its engine listens, what the engine notes, and what the executor does.
        fileprivate let socket: String
        fileprivate let record: String
        fileprivate let journal: String

        /// That of a process with this state directory.
        init(_ number: Int, as process: LabProcess, state: String, _ programs: Programs, zone: String, _ lab: Lab) {
            let name = Self.name(number, lab)
            (socket, record, journal) = (Self.socket(number, lab), "\(name).record", "\(state)/executor/journal")
            self.zone = zone
            self.process = process
            engine = LabProcess(
                [programs.fakeEngine, "--socket", socket, "--record", record],
                on: process.machine,
                of: lab,
                log: "\(name).engine.log"
            )
        }

        private static func name(_ number: Int, _ lab: Lab) -> String { "\(lab.folder)/executor-\(number)" }
        static func socket(_ number: Int, _ lab: Lab) -> String { "\(name(number, lab)).sock" }

        init(
            _ number: Int,
            _ programs: Programs,
            _ access: LabAccess,
            _ options: [String],
            zone: String,
            _ machine: Lab.Machine,
            _ lab: Lab
        ) {
            let name = Self.name(number, lab)
            let process = LabProcess(
                [
                    programs.apus, "executor", "--state", name, "--address",
                    "\(machine.address):\(LabCluster.executorPort)", "--hostname", machine.address, "--docker-socket",
                    Self.socket(number, lab), "--node-secret-file", access.secrets, "--zone", zone, "--admin-address",
                    "none",
                ] + options,
                on: machine,
                of: lab,
                log: "\(name).log"
            )
            self.init(number, as: process, state: name, programs, zone: zone, lab)
        }
    }

    /// The image that all specifications may name.
    package static let image = "lab:1"
    private static let cores = 64
    /// Where controllers and executors listen, each at its machine's address.
    package static let (controllerPort, executorPort) = (10_000, 11_000)

    package let lab: Lab
    /// `nil` if there is one controller only: it keeps its state itself.
    package let zooKeeper: LabZooKeeper?
    package let controllers: [Controller]
    package let executors: [Executor]

    /// Runs `body` in a new cluster that takes work; nothing is left of it, whatever happens.
    ///
    /// With more controllers than one there are three ZooKeeper servers. The executors stand in zones in turn. All is
    /// started by `begin`, or else one kind after the other.
    package static func with<Value>(
        controllers: Int,
        executors: Int,
        zones: Int = 3,
        _ programs: Programs,
        controllerOptions: [String] = [],
        begin: (LabCluster) async throws -> Void = { try await $0.start() },
        _ body: (LabCluster) async throws -> Value
    ) async throws -> Value {
        let servers = controllers > 1 ? 3 : 0
        return try await Lab.with(machines: servers + controllers + executors) { lab in
            let access = try LabAccess(in: lab.folder)
            let zooKeeper =
                servers == 0 ? nil : try LabZooKeeper(on: Array(lab.machines[..<servers]), of: lab, jar: programs.jar())
            let store =
                zooKeeper.map {
                    [
                        "--zookeeper", $0.addresses, "--zookeeper-session", "4s", "--zookeeper-credential-file",
                        access.credential,
                    ]
                } ?? []
            let nodes = lab.machines[servers...].enumerated()
            let controllers = nodes.prefix(controllers).map { number, machine in
                Controller(number + 1, programs.apus, access, store + controllerOptions, machine, lab)
            }
            let endpoints = controllers.map(\.api.endpoint).joined(separator: ",")
            let topology = try topology(in: lab.folder)
            let executors = nodes.dropFirst(controllers.count).map { number, machine in
                let options = ["--topology", topology, "--controllers", endpoints]
                let number = number - controllers.count
                return Executor(number + 1, programs, access, options, zone: "zone-\(number % zones + 1)", machine, lab)
            }
            let cluster = LabCluster(lab: lab, zooKeeper: zooKeeper, controllers: controllers, executors: executors)
            try await begin(cluster)
            try await cluster.untilAllTakeWork()
            return try await body(cluster)
        }
    }

    /// Declares a machine with cores for all that a test may start.
    static func topology(in folder: String) throws -> String {
        let path = "\(folder)/topology.json"
        let cores = JSON.array((0..<Self.cores).map { .integer(Int64($0)) })
        let machine: JSON = ["nodes": [["id": 0, "cores": cores, "memoryMB": 65_536]]]
        try Data(machine.bytes).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// Starts one kind after the other.
    package func start() async throws {
        try await zooKeeper?.start()
        try await startEngines()
        for process in roles { try await process.start() }
    }

    /// Starts all at once, in any order; only the engines must listen before.
    package func startAtOnce(_ random: inout SplitMix64) async throws {
        try await startEngines()
        for process in processes.shuffled(using: &random) { try await process.start() }
    }

    private func startEngines() async throws {
        for executor in executors where !executor.engine.isRunning { try await executor.engine.start() }
        for executor in executors {
            try await until("its engine listens", log: { executor.engine.logTail }) {
                try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .connect(unixDomainSocketPath: executor.socket).get().close()
            }
        }
    }

    /// All but the engines: ZooKeeper's servers, controllers and executors.
    package var processes: [LabProcess] {
        (zooKeeper?.servers ?? []) + roles
    }

    /// Controllers and executors; a node is both.
    private var roles: [LabProcess] {
        var processes = controllers.map(\.process)
        for executor in executors where !processes.contains(where: { $0 === executor.process }) {
            processes.append(executor.process)
        }
        return processes
    }

    func untilAllTakeWork() async throws {
        try await until("all executors take work", log: { logTails }) {
            guard let leader = await leader() else { throw Unfulfilled("nobody leads") }
            let states = try await controllers[leader].api.executorSummaries().map(\.state)
            guard states.count == executors.count, states.allSatisfy({ $0 == "ACTIVE" }) else {
                throw Unfulfilled("\(states)")
            }
        }
    }

    /// The number of the controller that leads; `nil` while none does.
    package func leader() async -> Int? {
        await withTaskGroup(of: Int?.self) { group in
            defer { group.cancelAll() }
            for (number, controller) in controllers.enumerated() {
                group.addTask {
                    do {
                        let late = { @Sendable in Unfulfilled("it does not answer") }
                        try await withDeadline(.seconds(2), late: late) { try await controller.api.ping() }
                        return number
                    } catch {
                        return nil
                    }
                }
            }
            for await number in group {
                if let number { return number }
            }
            return nil
        }
    }

    /// Waits until somebody leads.
    package func leading() async throws -> Controller {
        var leader: Controller?
        try await until("somebody leads", log: { logTails }) {
            leader = await self.leader().map { controllers[$0] }
            guard leader != nil else { throw Unfulfilled("nobody does") }
        }
        guard let leader else { throw Unfulfilled("nobody leads") }
        return leader
    }

    /// What all engines have noted so far.
    package func containers() throws -> ContainerRecord { try ContainerRecord(of: executors.map(\.record)) }

    /// What an executor's own engine has noted.
    package func containers(on executor: Executor) throws -> ContainerRecord {
        try ContainerRecord(of: [executor.record])
    }

    /// What all executors have taken so far.
    package func commands() throws -> CommandRecord {
        try CommandRecord(of: executors.map { ($0.process.machine.address, $0.journal) })
    }

    /// Of each executor the latest leadership that it has heard of.
    package func heardEpochs() throws -> [Epoch] {
        try executors.map { try CommandRecord.epoch(in: Data(contentsOf: URL(fileURLWithPath: $0.journal))) }
    }

    /// The commands that executors refused since a later leadership was known there.
    package func lateCommands() throws -> [LateCommand] {
        try executors.flatMap { executor in
            let log = try String(contentsOfFile: executor.process.log, encoding: .utf8)
            return log.split(separator: "\n").compactMap(LateCommand.init)
        }
    }

    /// The last lines of all controllers and executors.
    package var logTails: String {
        roles.map { "---- \($0.log)\n\($0.logTail)" }.joined(separator: "\n")
    }
}
