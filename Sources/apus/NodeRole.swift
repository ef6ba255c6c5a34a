import ArgumentParser

/// What a process of a cluster is.
enum NodeRole: String, CaseIterable, ExpressibleByArgument {
    case controller, executor
    /// Both in one.
    case node

    var command: any RoleCommand.Type {
        switch self {
        case .controller: ControllerCommand.self
        case .executor: ExecutorCommand.self
        case .node: NodeCommand.self
        }
    }
}

/// A command that is a role until it is told to end, configured by its options, the environment and a file.
protocol RoleCommand: AsyncParsableCommand {
    /// The settings of which a change holds without a restart.
    static var live: Set<String> { get }

    var role: RoleOptions { get }
    var logging: LoggingOptions { get }

    /// What holds where nobody says anything and the machine decides, by option.
    func derived() throws -> [String: String]

    func run(_ configuration: RoleConfiguration) async throws
}

extension RoleCommand {
    /// The process that it runs in.
    func process(statePath: String) -> NodeProcess {
        NodeProcess(statePath: statePath, logLevel: logging.logLevel.level, label: role.label)
    }
}
