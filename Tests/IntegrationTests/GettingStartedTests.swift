import ApusClient
import ApusContainers
import Foundation
import Testing

extension ServiceTests {
    /// The page that a stranger follows first.
    @Suite(.serialized) struct GettingStartedTests {
        @Test(.timeLimit(.minutes(5)))
        func `every command of the first quarter of an hour ends as the page says, and shows what it says`()
            async throws
        {
            let guide = try Guide(page: "getting-started.md")
            let commands = Set(guide.blocks.flatMap(\.commands).map(\.text))
            #expect(Stranger.elsewhere.isSubset(of: commands), "what the page no longer has needs no exception")
            try await withDevCluster { cluster in
                try await cluster.eventually("the executor takes work") {
                    let executors = try await cluster.api.executorSummaries()
                    try check(executors.contains { $0.state == "ACTIVE" }, "\(executors.map(\.state))")
                }
                let stranger = try Stranger(at: cluster)
                defer { #expect(throws: Never.self) { try FileManager.default.removeItem(atPath: stranger.folder) } }
                for block in guide.blocks { try await stranger.follow(block) }
                try await cluster.eventually("nothing is left of what the page has started") {
                    let left = try await cluster.containers()
                    try check(left.isEmpty, "\(left.map(\.name))")
                }
            }
        }

        @Test(arguments: [
            "    apus status", "- so:\n\n    apus status", "```bash\napus status\n```", "~~~\napus status\n~~~",
            "  ```sh", "```sh\napus status", "```sh\n```", "```sh\napus \\\nstatus\n```",
            "```sh\nfalse # ends with it\n```",
            "```text\nall is well\n```", "```sh\napus status\n```\nThen:\n```text\nall is well\n```",
        ])
        func `a page with what nobody can follow is refused`(text: String) {
            #expect(throws: Guide.Fault.self) { try Guide(text) }
        }

        @Test func `what is shown must be there, in that order and whole`() throws {
            let guide = try Guide("Look:\n\n```sh\na\nb # ends with 3\n```\n\n```text\nweb  2/2\nAI-… on …:80\n```\n")
            let block = try #require(guide.blocks.first)
            #expect(block.commands.map(\.text) == ["a", "b"] && block.commands.map(\.code) == [0, 3])
            func missing(_ output: String) -> String? { Guide.missing(of: block.shown, in: output) }
            #expect(missing("APP HEALTHY\nweb       2/2\n\nAI-1f on host:80\n") == nil)
            #expect(missing("web 2/2 failing\nAI-1f on host:80\n") == "web  2/2")
            #expect(missing("AI-1f on host:80\nweb 2/2\n") == "AI-… on …:80")
            #expect(missing("web 2/2\nAI-1f of host:80\n") == "AI-… on …:80")
            #expect(missing("web 2/2\nAI-1f on host:8000\n") == "AI-… on …:80")
        }
    }
}

/// Somebody who follows a page in a terminal, with a home and a folder of their own.
private struct Stranger {
    /// What happens in another terminal, or before it: the test has its own cluster and binary.
    static let elsewhere: Set = [
        "scripts/demo", "scripts/demo stop", "export PATH=$PWD/.build/release:$PATH", "apus dev",
    ]
    /// Far beyond what any command takes.
    private static let longest = 120

    let folder: String
    private let environment: [String: String]
    /// What the test has in place of what the page says: no internet, and ports of its own.
    private let substitutions: [(said: String, meant: String)]

    init(at cluster: DevCluster) throws {
        folder = cluster.state + "-stranger"
        for name in ["bin", "here", "home", "said"] {
            try FileManager.default.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
        }
        let binary = try needed("APUS_TEST_BINARY")
        try FileManager.default.createSymbolicLink(atPath: "\(folder)/bin/apus", withDestinationPath: binary)
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        environment = [
            "APUS_ENDPOINT": cluster.api.endpoint, "DOCKER_HOST": "unix://\(try needed("APUS_TEST_DOCKER_SOCKET"))",
            "HOME": "\(folder)/home", "PATH": "\(folder)/bin:\(path)", "no_proxy": "127.0.0.1",
        ]
        substitutions = [
            ("nginx:1.27 --port 80 ", "\(DevCluster.image) --port 8000 "), ("nginx:1.27", DevCluster.image),
            ("http://127.0.0.1:10000", cluster.api.endpoint), ("127.0.0.1:11000", "127.0.0.1:…"),
        ]
    }

    /// Runs the commands one by one, and compares what they said together.
    func follow(_ block: Guide.Block) async throws {
        var said = ""
        for command in block.commands where !Self.elsewhere.contains(command.text) {
            let process = try ApusProcess(
                ["-c", "cd '\(folder)/here' || exit\n\(substituted(command.text))"],
                log: "\(folder)/said/\(command.line)",
                program: "/bin/bash"
            )
            try process.start(environment: environment)
            let code = await process.end(within: Self.longest)
            said += process.said
            let what = "line \(command.line): `\(command.text)` ended with \(code), not with \(command.code)"
            try #require(code == command.code, "\(what):\n\(process.said)")
        }
        let missing = Guide.missing(of: block.shown.map(substituted), in: said)
        let place = block.commands.first?.line ?? 0
        try #require(missing == nil, "the block at line \(place) does not show `\(missing ?? "")`:\n\(said)")
    }

    private func substituted(_ text: String) -> String {
        substitutions.reduce(text) { $0.replacingOccurrences(of: $1.said, with: $1.meant) }
    }
}
