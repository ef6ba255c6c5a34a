import ApusClient
import ApusModel
import ArgumentParser

/// Brings the cluster to what files say.
struct Apply: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Bring applications, local services and tasks to what files say.",
        discussion: """
            A changed specification of an application is a new version: it is started beside the old one and takes its \
            place a few instances at a time; the old one stays, suspended, and `apus rollback` goes back to it. If the \
            new one fails the old one gets its instances back. What would be done: apus plan.
            """
    )

    @OptionGroup var arguments: ApplyArguments
    @OptionGroup var options: RolloutOptions
    @OptionGroup var api: APIOptions

    func run() async throws {
        let plan = try await callingAPI { try await arguments.plan(api.client) }
        let refusals = plan.refusals
        guard refusals.isEmpty else {
            throw CommandFailure(.conflict, "\(refusals.joined(separator: "\n"))\nNothing was changed.")
        }
        let (ledger, run) = (ApplyLedger(plan.entries), ApplyRun(api: api, options: options))
        do {
            try await interruptible(ledger.interruption) {
                for (index, entry) in plan.entries.enumerated() {
                    ledger.begin(index)
                    ledger.end(index, try await run.perform(entry))
                }
            }
        } catch let failure as CommandFailure {
            ledger.fail(because: failure)
            if api.json { Output.line(ledger.json.serialized) }
            guard failure.code != .interrupted else { throw failure }
            throw CommandFailure(failure.code, ([failure.message] + ledger.rest).joined(separator: "\n"))
        }
        if api.json { Output.line(ledger.json.serialized) }
    }
}
