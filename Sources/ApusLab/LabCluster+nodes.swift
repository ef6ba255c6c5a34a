/// Machines that are all equal, each a controller and an executor in one process.
extension LabCluster {
    /// Runs `body` in a new cluster of nodes that takes work; nothing is left of it, whatever happens.
    ///
    /// The number of a node is that of its controller and of its executor; the executors of their own come after those.
    /// With more nodes than one there are three ZooKeeper servers, by which the executors find the controllers too.
    package static func with<Value>(
        nodes: Int,
        executors: Int = 0,
        _ programs: Programs,
        _ body: (LabCluster) async throws -> Value
    ) async throws -> Value {
        let servers = nodes > 1 ? 3 : 0
        precondition(executors == 0 || servers > 0, "these executors find their controllers in ZooKeeper")
        return try await Lab.with(machines: servers + nodes + executors) { lab in
            let access = try LabAccess(in: lab.folder)
            let zooKeeper =
                servers == 0 ? nil : try LabZooKeeper(on: Array(lab.machines[..<servers]), of: lab, jar: programs.jar())
            let store =
                zooKeeper.map { ["--zookeeper", $0.addresses, "--zookeeper-credential-file", access.credential] } ?? []
            let session = store.isEmpty ? [] : ["--zookeeper-session", "4s"]
            let topology = ["--topology", try topology(in: lab.folder)]
            let machines = Array(lab.machines[servers...])
            func zone(_ number: Int) -> String { "zone-\(number % 3 + 1)" }
            let processes = machines.prefix(nodes).enumerated().map { number, machine in
                let options = topology + store + session + ["--zone", zone(number)]
                return node(number + 1, programs, access, options, machine, lab)
            }
            let cluster = LabCluster(
                lab: lab,
                zooKeeper: zooKeeper,
                controllers: processes.map { Controller($0, access) },
                executors: machines.enumerated().map { number, machine in
                    let (own, zone) = (number + 1, zone(number))
                    guard number < nodes else {
                        return Executor(own, programs, access, topology + store, zone: zone, machine, lab)
                    }
                    let state = name(own, lab)
                    return Executor(own, as: processes[number], state: state, programs, zone: zone, lab)
                }
            )
            try await cluster.start()
            try await cluster.untilAllTakeWork()
            return try await body(cluster)
        }
    }

    private static func name(_ number: Int, _ lab: Lab) -> String { "\(lab.folder)/node-\(number)" }

    private static func node(
        _ number: Int,
        _ programs: Programs,
        _ access: LabAccess,
        _ options: [String],
        _ machine: Lab.Machine,
        _ lab: Lab
    ) -> LabProcess {
        let name = name(number, lab)
        return LabProcess(
            [
                programs.apus, "node", "--state", name, "--address", "\(machine.address):\(controllerPort)",
                "--executor-address",
                "\(machine.address):\(executorPort)", "--hostname", machine.address, "--users", access.users,
                "--node-secret-file", access.secrets, "--docker-socket", Executor.socket(number, lab),
                "--admin-address", "none",
            ] + options,
            on: machine,
            of: lab,
            log: "\(name).log"
        )
    }
}
