import ApusClient
import ApusContainers
import ApusExecutor
import ApusModel
import ArgumentParser

struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Say whether this machine is fit for an executor, and whether the cluster is well.",
        discussion: """
            Each finding is OK, WARN or FAIL, with what to do. It ends with 1 if one is FAIL, otherwise with 0. A \
            controller that is not reached is a warning here, and one that refuses is FAIL; with --cluster-only they are \
            codes, 7 and 6, as everywhere.
            """
    )

    @Flag(help: "Look at this machine alone.")
    var machineOnly = false

    @Flag(help: "Look at the cluster alone.")
    var clusterOnly = false

    @Option(
        help: ArgumentHelp("Where the executor would keep state. Default: as apus executor.", valueName: "dir"),
        completion: .directory
    )
    var state: String?

    @Option(
        help: ArgumentHelp("The engine's socket. Default: as apus executor.", valueName: "path"),
        completion: .file()
    )
    var dockerSocket: String?

    @OptionGroup var logs: LogOptions
    @OptionGroup var api: APIOptions

    func validate() throws {
        guard !machineOnly || !clusterOnly else {
            throw ValidationError("--machine-only and --cluster-only exclude each other")
        }
    }

    func run() async throws {
        let machine = clusterOnly ? [] : try await machine()
        let (title, cluster) = machineOnly ? ("", []) : try await cluster()
        if api.json {
            let parts: JSON = .members([
                "machine": clusterOnly ? nil : .array(machine.map(\.json)),
                "cluster": machineOnly ? nil : .array(cluster.map(\.json)),
            ])
            Output.line(parts.serialized)
        } else {
            if !clusterOnly { show("this machine", machine) }
            if !clusterOnly, !machineOnly { Output.line("") }
            if !machineOnly { show(title, cluster) }
        }
        if (machine + cluster).contains(where: { $0.level == .failure }) {
            throw ExitCode(CommandFailure.Code.other.rawValue)
        }
    }

    private func show(_ title: String, _ findings: [Finding]) {
        Output.line(title)
        let width = findings.map(\.subject.count).max() ?? 0
        for finding in findings {
            let level = finding.level.rawValue.padded(to: 4)
            Output.line("  \(level)  \(finding.subject.padded(to: width))  \(finding.text)")
            guard !finding.advice.isEmpty else { continue }
            Output.line("        \("".padded(to: width))  \(finding.advice)")
        }
    }

    // MARK: this machine

    private func machine() async throws -> [Finding] {
        let (socket, engine) = await engine()
        let state = try StatePath.resolved(state, for: "apus-executor")
        var dataRoot = "/var/lib/docker"
        if case .answers(_, let info) = engine, let told = info.dataRoot { dataRoot = told }
        let fitness = await MachineProbe().complete(
            MachineFitness(socket: socket, engine: engine),
            folders: [
                ("state", state), ("logs", logs.root ?? "\(state)/executor/logs"), ("docker", dataRoot),
            ],
            ports: [(10_000, "the API of a controller"), (11_000, "an executor")]
        )
        return fitness.findings
    }

    /// With where it is looked for.
    private func engine() async -> (socket: String, MachineFitness.Engine) {
        do throws(CommandFailure) {
            let socket = try EngineSocket.resolved(dockerSocket)
            return (socket, await EngineSocket.survey(socket))
        } catch {
            return ("$DOCKER_HOST", .silent(error.message))
        }
    }

    // MARK: the cluster

    /// With the name that its findings go under.
    private func cluster() async throws -> (title: String, findings: [Finding]) {
        var title = "the cluster"
        do {
            let client = try api.client
            title += " at \(client.endpoint)"
            return (title, try await callingAPI { try await client.condition().findings })
        } catch let failure as CommandFailure where !clusterOnly {
            return (title, [Self.finding(failure)])
        }
    }

    private static func finding(_ failure: CommandFailure) -> Finding {
        let lines = failure.message.split(separator: "\n").map(String.init)
        let isAway = failure.code == .unreachable
        return Finding(
            isAway ? .warning : .failure,
            "controller",
            lines.first ?? "",
            advice: isAway
                ? "Start one with apus dev or apus controller, name it with --endpoint, or give --machine-only"
                : lines.dropFirst().joined(separator: " ")
        )
    }
}

extension String {
    /// With spaces behind it up to so many characters.
    fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
