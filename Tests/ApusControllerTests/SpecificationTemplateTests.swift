import ApusController
import ApusExecutor
import ApusModel
import ApusPlacement
import ApusTestKit
import Foundation
import Testing

/// What `apus init` writes.
@Suite(.timeLimit(.minutes(2))) struct SpecificationTemplateTests {
    private static func written(_ arguments: String...) async throws -> String {
        let run = try await Program(CommandLineTests.binary, ["init"] + arguments).end()
        #expect(run.code == 0, "\(run.errors)")
        return run.output
    }

    /// With every field that may be left out; comments of words have one space behind the #.
    private static func whole(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let isWords = line.hasPrefix("# ") && line.dropFirst(2).first != " "
            return line.hasPrefix("#") && !isWords ? line.dropFirst() : line
        }.joined(separator: "\n")
    }

    private static func errors<Spec: SpecPart>(_ kind: Spec.Type, _ text: String) throws -> [String] {
        let json = try #require(try JSON.documents(yaml: text).first)
        guard case .failure(let refusal) = Spec.validated(json) else { return [] }
        return refusal.errors
    }

    @Test func `it is valid as it stands, and with everything that may be left out`() async throws {
        let app = try await Self.written("app", "--name", "web", "--image", "nginx:1.27", "--port", "8080")
        let task = try await Self.written("task", "--name", "batch")
        let service = try await Self.written("localservice")
        for text in [app, Self.whole(app)] { #expect(try Self.errors(ApplicationSpec.self, text) == []) }
        for text in [task, Self.whole(task)] { #expect(try Self.errors(TaskSpec.self, text) == []) }
        for text in [service, Self.whole(service)] { #expect(try Self.errors(LocalServiceSpec.self, text) == []) }
        let json = try #require(try JSON.documents(yaml: app).first)
        let spec = try ApplicationSpec(json: json)
        #expect(
            (spec.id.rawValue, spec.executable.url, spec.exposedPorts.map(\.port)) == ("web-1", "nginx:1.27", [8080])
        )
        #expect(try JSON(parsing: await Self.written("--name", "web", "--port", "8080", "--json")) == json)
    }

    @Test func `every field that there is, is told`() async throws {
        let app = try await Self.written("app")
        let task = try await Self.written("task")
        let service = try await Self.written("localservice")
        let common: [Any] = [
            Executable(url: "x"), MountedVolume(pathInContainer: "/", pathOnHost: "/", mode: .readOnly),
            HTTPCallSpec(scheme: .http, hostname: "x"), ConfigSpec(localFilename: "/x", source: .inline(data: [])),
            UserSpec(user: "x"), ResourceRequirements(cores: 1, memoryMB: 1), SpreadPolicy(.zone),
        ]
        let ofServices: [Any] = [
            PortSpec(name: "x", port: 1), HTTPCheck(portName: "x", path: "/"), CommandCheck(command: "x"),
            CheckSpec(
                mode: .command(CommandCheck(command: "x")),
                timeout: DurationText(1, .seconds),
                interval: DurationText(1, .seconds),
                attempts: 1
            ),
            PreShutdownSpec(),
        ]
        let spec = exampleSpec()
        Self.expect(common + ofServices + [spec, ExposureSpec(vhost: "x", portName: "x")], in: app)
        Self.expect(common + [try TaskSpec(json: try #require(try JSON.documents(yaml: task).first))], in: task)
        Self.expect(ofServices + [LocalServiceSpec(spec)], in: service)
        for text in [app, task] {
            for word in [
                "filePathOnHost", "data", "server", "tagPrefix", "tagSuffix", "maxSize", "maxFiles", "compress",
            ] {
                #expect(text.contains("\(word): "), "\(word)")
            }
            for policy in [
                "ANY", "ONE_PER_HOST", "MAX_N_PER_HOST", "MATCH_TAG", "NO_TAG", "RULE_BASED", "COMPOSITE", "SPREAD",
            ] {
                #expect(text.contains(policy), "\(policy)")
            }
            for word in [
                "max", "tag", "rule", "ruleType", "policies", "combiner", "pathOnHost", "pathInContainer",
                "permissions",
                "driver", "count", "deviceIds", "capabilities", "options",
            ] {
                #expect(text.contains("\(word):"), "\(word)")
            }
        }
        #expect(service.contains("hostLevel:"))
    }

    @Test func `the rule that it shows takes the executor that it speaks of, and no other`() async throws {
        let app = try await Self.written("app")
        let shown = try #require(app.firstMatch(of: /rule: "([^"]+)"/)).1
        let rule = PlacementRule(String(shown))
        for (rack, isTaken) in [("r1", true), ("r2", false)] {
            let facts = RuleFacts(executor: node, metadata: ["rack": rack], environment: [:])
            #expect(try RuleEvaluation(lookUp: facts.value).accepts(rule) == isTaken)
        }
    }

    /// The fields of these values, by what they are called in a specification.
    private static func expect(_ values: [Any], in text: String) {
        let names = [
            "scheme": "protocol", "taskID": "taskId", "axis": "over", "isRequired": "required", "source": "type",
            "cores": "count", "memoryMB": "sizeInMB", "diskMB": "sizeInMB", "service": "name",
        ]
        for value in values {
            for label in Mirror(reflecting: value).children.compactMap(\.label) {
                #expect(text.contains("\(names[label] ?? label):"), "\(type(of: value)).\(label)")
            }
        }
    }

    @Test func `what is written can be deployed, and is not written over unasked`() async throws {
        let scratch = try TemporaryFolder()
        defer { scratch.remove() }
        let folder = scratch.path
        let file = "\(folder)/web.yaml"
        let first = try await Self.written("--out", file)
        #expect(first == "\(file) is written. Next: apus apply \(file)\n")
        let again = try await Program(CommandLineTests.binary, ["init", "--out", file]).end()
        #expect(again.code == 5)
        #expect(again.errors == "apus: \(file) is there already: give another name, or --force to write over it\n")
        _ = try await Self.written("--name", "other", "--out", file, "--force")
        try await CommandLineTests.withNode { controller, node, endpoint in
            let deploy = try Program(CommandLineTests.binary, ["apps", "deploy", file], endpoint: endpoint)
            try await eventually("it ends", node, controller) { !deploy.isRunning }
            let run = try await deploy.end()
            #expect(run.code == 0, "\(run.errors)")
            #expect(run.output.hasSuffix("other-1: RUNNING, expected 1, running 1, healthy 1\n"))
        }
    }

    @Test(arguments: [
        ["--name", "a b"], ["--name", ""], ["--image", ""], ["--port", "0"], ["task", "--port", "80"],
        ["--json", "--yaml"], ["--force"], ["service"],
    ])
    func `what makes no valid specification is wrong usage`(_ arguments: [String]) async throws {
        #expect(try await Program(CommandLineTests.binary, ["init"] + arguments).end().code == 64)
    }
}
