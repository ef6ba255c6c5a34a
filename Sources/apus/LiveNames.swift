import ApusClient
import ApusModel
import ArgumentParser

/// What a shell offers for a word: the names that the controller knows just now.
///
/// Nobody who presses Tab wants to wait or to read an error: what does not come within a second is not offered.
enum LiveNames {
    private static let patience = Duration.seconds(1)
    /// Instances of no more owners than these are asked for.
    private static let mostOwners = 4
    /// Those of `EndpointOptions`, each followed by its value.
    private static let endpointOptions: Set<String> = [
        "--endpoint", "--cluster", "--drove-config", "--username", "--password-file", "--auth-header-file",
        "--ca-certificate",
    ]

    static var applications: CompletionKind { names { client, _ in try await ids(of: client.applications()) } }

    /// By id, and by the name that all versions have.
    static var namedApplications: CompletionKind { names { client, _ in try await named(client.applications()) } }

    /// Applications as above, local services and tasks.
    static var anything: CompletionKind {
        names { client, _ in
            try await named(client.applications()) + client.services().map(\.id.rawValue)
                + client.tasks().map(\.id.rawValue)
        }
    }

    static var users: CompletionKind {
        names { client, _ in try await client.users().rows(["name"]).flatMap(\.self) }
    }

    static var services: CompletionKind { names { client, _ in try await client.services().map(\.id.rawValue) } }

    /// Those that wait or run.
    static var tasks: CompletionKind { names { client, _ in try await client.tasks().map(\.id.rawValue) } }

    /// Hostnames that name one executor alone, HOST:PORT, and ids.
    static var executors: CompletionKind {
        names { client, _ in
            let all = try await client.executorSummaries()
            let hosts = Dictionary(grouping: all, by: \.hostname).filter { $0.value.count == 1 }.keys
            return Array(hosts) + all.map(\.place) + all.map(\.id.rawValue)
        }
    }

    /// Ids of those in that state.
    static func controllers(_ state: ControllerSummary.State) -> CompletionKind {
        names { client, _ in try await client.controllerSummaries().filter { $0.state == state }.map(\.id) }
    }

    static var tags: CompletionKind {
        names { client, _ in try await client.executorSummaries().flatMap(\.tags) }
    }

    static var zones: CompletionKind {
        names { client, _ in try await client.executorSummaries().compactMap(\.zone) }
    }

    /// Instances of the applications that are named before.
    static var instances: CompletionKind {
        names { client, words in
            let owners = try await client.applications().map(\.id).filter { words.contains($0.rawValue) }
            var ids: [String] = []
            for owner in owners.prefix(mostOwners) { ids += try await client.instances(of: owner).map(\.id.rawValue) }
            return ids
        }
    }

    /// The same of local services.
    static var serviceInstances: CompletionKind {
        names { client, words in
            let owners = try await client.services().map(\.id).filter { words.contains($0.rawValue) }
            var ids: [String] = []
            for owner in owners.prefix(mostOwners) { ids += try await client.instances(of: owner).map(\.id.rawValue) }
            return ids
        }
    }

    /// What can be explained: applications and tasks, or local services where they are asked for.
    static var work: CompletionKind {
        names { client, words in
            if words.contains("--local-service") { return try await client.services().map(\.id.rawValue) }
            return try await ids(of: client.applications()) + client.tasks().map(\.id.rawValue)
        }
    }

    /// What writes logs, by the options that say what it is.
    static var writers: CompletionKind {
        names { client, words in
            if words.contains("--local-service") { return try await client.services().map(\.id.rawValue) }
            if words.contains("--task") { return try await client.tasks().map(\.id.rawValue) }
            return try await ids(of: client.applications())
        }
    }

    private static func named(_ applications: [ApplicationSummary]) -> [String] {
        applications.map(\.name) + ids(of: applications)
    }

    private static func ids(of applications: [ApplicationSummary]) -> [String] { applications.map(\.id.rawValue) }

    /// `ask` is given the words of the command line.
    private static func names(
        _ ask: @escaping @Sendable (APIClient, [String]) async throws -> [String]
    ) -> CompletionKind {
        .custom { words, _, prefix in
            do {
                let client = try ClientChoice(EndpointOptions.parse(endpoint(in: words)), isQuiet: true).client()
                let names = try await withDeadline(patience, late: { CancellationError() }) {
                    try await ask(client, words)
                }
                return Set(names).filter { $0.hasPrefix(prefix) }.sorted()
            } catch {
                // It is unreachable, or the command line is not one yet.
                return []
            }
        }
    }

    /// What says whom to ask; nothing that would be read from the terminal on which somebody types.
    private static func endpoint(in words: [String]) -> [String] {
        var chosen: [String] = []
        for (index, word) in words.enumerated() {
            if endpointOptions.contains(word), index + 1 < words.count, words[index + 1] != "-" {
                chosen += [word, words[index + 1]]
            }
            let isWhole = endpointOptions.contains { word.hasPrefix("\($0)=") } && !word.hasSuffix("=-")
            if isWhole || word == "--insecure" { chosen.append(word) }
        }
        return chosen
    }
}
