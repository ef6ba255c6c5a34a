import ArgumentParser
import AsyncHTTPClient

@main
struct Apus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "apus", abstract: "A cluster orchestrator.")
}
