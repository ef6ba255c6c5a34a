import ApusClient
import ApusModel
import ArgumentParser

/// The commands about local services.
struct LocalServices: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "localservices",
        abstract: "Create, look at and change local services.",
        discussion: """
            A local service has its instances on every executor, which takes other work only once they are healthy. A \
            new one is inactive: test it on one executor, then activate it. Its id is NAME-VERSION.
            """,
        subcommands: [
            LocalServicesCreate.self, LocalServicesList.self, LocalServicesShow.self, LocalServicesTest.self,
            LocalServicesActivate.self, LocalServicesDeactivate.self, LocalServicesUpdateCount.self,
            LocalServicesAdjust.self, LocalServicesReplace.self, LocalServicesRestart.self, LocalServicesStop.self,
            LocalServicesCancel.self, LocalServicesDestroy.self,
        ]
    )
}

/// A local service that a user names.
struct ServiceArgument: ParsableArguments {
    @Argument(help: ArgumentHelp("NAME-VERSION", valueName: "id"), completion: LiveNames.services)
    var name: String

    func validate() throws {
        guard !name.isEmpty else {
            throw ValidationError("a local service is named NAME-VERSION, not by an empty text")
        }
    }

    var id: ServiceID { ServiceID(name) }
}

extension APIClient {
    /// The local service of that id, as a user names it.
    ///
    /// - Throws: `CommandFailure` that says what may have been meant if there is none, or `ClientError`.
    func knownService(_ id: ServiceID) async throws -> ServiceSummary {
        do {
            return try await service(id)
        } catch let error as ClientError where error.code == .notFound {
            let meant = Spelling.closest(to: id.rawValue, among: try await services().map(\.id.rawValue))
            throw CommandFailure(.other, "\(error)" + (meant.map { ": did you mean \($0)?" } ?? ""))
        }
    }
}

/// Whether a command waits until every executor has what is wanted.
struct ServiceWait: ParsableArguments {
    @Option(help: ArgumentHelp("Wait no longer than this, as 90s, 5m or 1h.", valueName: "time"))
    var timeout = "5m"

    @Flag(inversion: .prefixedNo, help: "Show progress until every executor has what is wanted.")
    var wait = true

    func validate() throws {
        try timeout.validateDuration()
    }

    /// `nil` without waiting.
    func span() throws -> Duration? { wait ? try DurationText(parsing: timeout).duration : nil }
}
