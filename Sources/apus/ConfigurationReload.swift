import ApusClient
import ArgumentParser
import Logging
import ServiceLifecycle
import UnixSignals

/// Reads a role's configuration again whenever the process gets SIGHUP.
struct ConfigurationReload<Role: RoleCommand>: Service {
    private let configuration: RoleConfiguration
    private let signals: UnixSignalsSequence
    private let process: NodeProcess
    private let apply: @Sendable (Role) throws -> Void

    /// From here on SIGHUP does not end the process any more; `nil` without a file: there is nothing to read again.
    ///
    /// `apply` lets those settings hold that the role can change while it runs, besides those of every role.
    init?(
        _ configuration: RoleConfiguration,
        _ process: NodeProcess,
        apply: @escaping @Sendable (Role) throws -> Void = { _ in }
    ) async {
        guard configuration.path != nil else { return nil }
        self.configuration = configuration
        self.process = process
        self.apply = apply
        signals = await UnixSignalsSequence(trapping: .sighup)
    }

    func run() async throws {
        var inForce = configuration.settings
        for await _ in signals.cancelOnGracefulShutdown() { inForce = readAgain(inForce) }
    }

    /// - Returns: what holds now.
    private func readAgain(_ inForce: EffectiveSettings) -> EffectiveSettings {
        do {
            let new = try configuration.readAgain()
            guard let command = try new.command() as? Role else { return inForce }
            let changed = inForce.changes(in: new.settings)
            let (live, fixed) = (changed.filter(Role.live.contains), changed.filter { !Role.live.contains($0) })
            try apply(command)
            process.logLevel.current = command.logging.logLevel.level
            process.logger.notice(
                "the configuration was read again",
                metadata: ["file": "\(configuration.path ?? "")", "changed": "\(Self.list(live))"]
            )
            if !fixed.isEmpty {
                process.logger.warning(
                    "settings have changed that hold only after a restart",
                    metadata: [
                        "settings": "\(Self.list(fixed))"
                    ]
                )
            }
            return inForce.taking(Set(live), from: new.settings)
        } catch {
            let reason = (error as? CommandFailure)?.message ?? "\(error)"
            process.logger.error(
                "the configuration cannot be used; what it said before holds",
                // People read several lines where they asked, a log has one.
                metadata: ["error": "\(reason.split(separator: "\n").joined(separator: "; "))"]
            )
            return inForce
        }
    }

    private static func list(_ names: [String]) -> String { names.isEmpty ? "nothing" : names.joined(separator: ",") }
}
