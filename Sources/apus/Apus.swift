import ApusClient
import ApusModel
import ArgumentParser

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The one binary: every role, and the command line.
@main
struct Apus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus",
        abstract: "Keeps services alive in containers on a set of Linux machines.",
        discussion: """
            Start a cluster on this machine with `apus dev`, then give it work with `apus apply`; `apus init` \
            writes a specification to begin with, and `apus doctor` says what is amiss.

            Exit codes: 0 done, 1 any other failure, 2 no room, 3 unhealthy or rolled back, 4 timed out, 5 in conflict \
            with what is there, 6 not allowed, 7 controller not reached, 64 wrong usage, 130 interrupted. `apus tasks \
            run` and `apus exec` end with the exit code of what they run, or with 125 if there is none, be it for \
            wrong usage.
            """,
        version: "apus \(ApusVersion.text)",
        subcommands: [
            Dev.self, NodeCommand.self, ControllerCommand.self, ExecutorCommand.self, Apply.self, Plan.self,
            Status.self, Rollback.self, Restart.self, Scale.self, Apps.self, LocalServices.self, Tasks.self,
            Explain.self, Cluster.self, Controllers.self, Store.self, Executors.self, Maintenance.self, Logs.self,
            Exec.self, Top.self, Events.self, Audit.self, UserCommands.self, Initialise.self, Doctor.self,
            Config.self, Completions.self,
        ]
    )

    static func main() async {
        // A reader that goes away is an error of the write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        do {
            let configuration = try RoleConfiguration(commandLine: Array(CommandLine.arguments.dropFirst()))
            var command = try await parsed(configuration)
            if let role = command as? any RoleCommand, let configuration {
                configuration.warn()
                try await role.run(configuration)
            } else if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let failure as CommandFailure {
            failure.exit()
        } catch {
            exit(withError: error)
        }
    }

    /// The command line's, with what is configured for a role; wrong usage of `tasks run` is 125, for its container may
    /// end with 64.
    private static func parsed(_ configuration: RoleConfiguration?) async throws -> any ParsableCommand {
        do {
            return try await asyncParseAsRoot(configuration.map { [$0.role.rawValue] + $0.settings.arguments })
        } catch
            where exitCode(for: error) == .validationFailure
            && [["tasks", "run"], ["exec"]].contains(where: CommandLine.arguments.dropFirst().starts(with:))
        {
            Output.error(fullMessage(for: error))
            throw ExitCode(CommandFailure.Code.noExitCode.rawValue)
        } catch  where exitCode(for: error) == .validationFailure {
            let said = fullMessage(for: error)
            let meant = CommandSuggestion.text(self, CommandLine.arguments.dropFirst())
            guard configuration != nil || meant != nil else { throw error }
            let explained = configuration?.settings.explained(said, naming: message(for: error)) ?? said
            Output.error(explained + (meant.map { "\nDid you mean `\($0)`?" } ?? ""))
            throw ExitCode.validationFailure
        }
    }
}
