import ApusClient
import ApusController
import ArgumentParser
import Logging

/// Which executors may become members.
struct AdmissionOptions: ParsableArguments {
    private static let open = "open"
    private static let listed = "listed:"

    @Option(
        help: ArgumentHelp(
            "Who may join: open for every executor that shows the nodes' secret, or listed:FILE for those alone whose "
                + "HOST or HOST:PORT is a line of that file. It is read again when it changes; who is a member stays one.",
            valueName: "open|listed:file"
        )
    )
    var admission = AdmissionOptions.open

    func validate() throws {
        guard admission != Self.open else { return }
        guard admission.hasPrefix(Self.listed), admission != Self.listed else {
            throw ValidationError("--admission must be open, or listed:FILE, not \(admission)")
        }
    }

    /// What the file says, as it is now; `nil` where everybody may join.
    ///
    /// - Throws: `CommandFailure` if it cannot be used.
    func joinList(_ logger: Logger) throws -> @Sendable () -> JoinList? {
        guard admission != Self.open else { return { nil } }
        let path = String(admission.dropFirst(Self.listed.count))
        do {
            let file = try WatchedFiles([path]) {
                try JoinList(file: path)
            } telling: {
                NetworkOptions.tell($0, of: path, logger)
            }
            return { file.current }
        } catch {
            throw CommandFailure(.other, "\(error)")
        }
    }
}
