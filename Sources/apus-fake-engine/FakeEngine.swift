import ArgumentParser
import Foundation
import Hummingbird
import HummingbirdCore
import Logging

/// Container engines for tests that need many containers: they speak what Apus uses of the Docker Engine API, and their
/// containers are a few lines in memory.
///
/// They last as long as this process, whatever becomes of executors. What they do stands in a file.
@main
struct FakeEngine: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus-fake-engine",
        abstract: "Plays Docker engines for tests.",
        discussion: """
            A container without a command runs until it is stopped, and answers 200 on its published ports. One with \
            `sleep 3; exit 7` for a shell ends so. There are no others.
            """
    )

    @Option(help: "Where an engine listens; once for each.")
    var socket: [String]

    @Option(help: "A line of JSON is appended to this file for each container that was made, begun, ended or removed.")
    var record: String

    func run() async throws {
        let record = try EventRecord(path: record)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for socket in socket {
                let folder = URL(fileURLWithPath: socket).deletingLastPathComponent().path
                let api = EngineAPI(containers: ContainerSet(record), folder: folder)
                let engine = Application(
                    responder: CallbackResponder<BasicRequestContext>(callback: api.respond),
                    configuration: ApplicationConfiguration(address: .unixDomainSocket(path: socket)),
                    logger: Logger(label: "engine") { _ in SwiftLogNoOpLogHandler() }
                )
                group.addTask { try await engine.run() }
            }
            try await group.waitForAll()
        }
    }
}
