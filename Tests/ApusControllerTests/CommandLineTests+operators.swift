import ApusController
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// Doctor, contexts and completion, by the program as people run it.
extension CommandLineTests {
    @Test func `a cluster is looked at line by line, and what fails is the exit code`() async throws {
        try await Self.withNode { controller, node, endpoint in
            try await eventually("it is there", node, controller) {
                await controller.get("cluster").json?["data"]?["numExecutors"] == 1
            }
            func doctor(_ arguments: String...) async throws -> Run {
                await node.report(to: controller)
                return try await Program(Self.binary, ["doctor", "--cluster-only"] + arguments, endpoint: endpoint)
                    .end()
            }
            let well = try await doctor()
            #expect(well.code == 0, "\(well.errors)")
            #expect(
                well.output == """
                    the cluster at \(endpoint)
                      OK    leader          ctrl1:10000
                      OK    state           NORMAL
                      OK    executors       1 of 1 take work
                      WARN  head room       node1:3000 is the only executor: when it is lost, all is down until it is back
                                            Add another one
                      OK    applications    0 of 0 are to run
                      OK    local services  0 of 0 are active
                      OK    tasks           0 run, 0 wait

                    """
            )
            let json = try await doctor("--json")
            #expect(
                json.output.hasPrefix(
                    #"{"cluster":[{"level":"OK","subject":"leader","text":"ctrl1:10000"},{"level":"OK","#
                )
            )
            node.troubles = ["no engine"]
            try await eventually("it is known", node, controller) {
                await controller.get("cluster/executors").json?["data"]?[0]?["troubles"] != nil
            }
            let ill = try await doctor()
            #expect((ill.code, ill.errors) == (1, ""))
            #expect(ill.output.contains("FAIL  executor node1:3000  no engine\n"), "\(ill.output)")
        }
    }

    @Test func `this machine is looked at without a controller, and its faults are the exit code`() async throws {
        let words = ["doctor", "--machine-only", "--docker-socket", "/nonexistent/docker.sock", "--state", "/tmp"]
        let run = try await Program(Self.binary, words).end()
        #expect((run.code, run.errors) == (1, ""))
        #expect(run.output.hasPrefix("this machine\n  FAIL  docker"))
        #expect(run.output.contains("no engine answers at /nonexistent/docker.sock"))
        let json = try await Program(Self.binary, words + ["--json"]).end()
        let parts = try JSON(parsing: json.output)
        #expect(parts["machine"]?[0]?["level"] == "FAIL")
        #expect(parts["cluster"] == nil)
        let lone = ["doctor", "--machine-only", "--state", "/tmp"]
        let remote = ["DOCKER_HOST": "tcp://127.0.0.1:1"]
        let other = try await Program(Self.binary, lone, environment: remote).end()
        #expect((other.code, other.errors) == (1, ""))
        #expect(other.output.contains("DOCKER_HOST is tcp://127.0.0.1:1, but"), "\(other)")
        #expect(other.output.contains("  kernel "), "the rest is looked at all the same: \(other)")
        let away = try await Program(Self.binary, ["doctor", "--cluster-only"], endpoint: "127.0.0.1:1").end()
        #expect(away.code == 7)
        let both = words.filter { $0 != "--machine-only" }
        let beside = try await Program(Self.binary, both, endpoint: "127.0.0.1:1").end()
        #expect(beside.output.contains("the cluster at http://127.0.0.1:1\n  WARN  controller  "), "\(beside)")
        let unnamed = try await Program(Self.binary, both + ["--cluster", "none", "--drove-config", "/nonexistent"])
            .end()
        #expect((unnamed.code, unnamed.errors) == (1, ""))
        #expect(unnamed.output.contains("the cluster\n  FAIL  controller  /nonexistent cannot be opened"), "\(unnamed)")
        #expect(try await Program(Self.binary, ["doctor", "--cluster-only", "--machine-only"]).end().code == 64)
    }

    // MARK: contexts

    @Test func `contexts are added, shown without their secrets, chosen and removed`() async throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let home = folder.path
        try "hunter22\r\nmore".write(toFile: "\(home)/password", atomically: false, encoding: .utf8)
        func config(_ arguments: String...) async throws -> Run {
            try await Program(Self.binary, ["config"] + arguments, environment: ["HOME": home]).end()
        }
        #expect(
            try await config("list").output
                == "no contexts in \(home)/.drove; add one with: apus config add NAME --endpoint URL\n"
        )
        #expect(try await config("current").code == 1)
        let added = try await config(
            "add",
            "prod",
            "--endpoint",
            "https://prod.example",
            "--username",
            "u",
            "--password-file",
            "\(home)/password"
        )
        #expect((added.code, added.output) == (0, "prod is added, and is the current context\n"), "\(added)")
        #expect(
            try await config("add", "dev", "--endpoint", "http://127.0.0.1:10000", "--insecure").output
                == "dev is added\n"
        )
        #expect(
            try await config("list").output == """
                CURRENT  NAME  ENDPOINT                CREDENTIALS  INSECURE
                *        prod  https://prod.example    password     no
                         dev   http://127.0.0.1:10000  none         yes

                """
        )
        #expect(
            try await config("list", "--json").output == """
                [{"name":"prod","endpoint":"https://prod.example","credentials":"password","insecure":false,\
                "current":true},{"name":"dev","endpoint":"http://127.0.0.1:10000","credentials":"none",\
                "insecure":true,"current":false}]

                """
        )
        #expect(try await config("use", "dev").output == "dev is the current context\n")
        #expect(try await config("current", "--json").output == "{\"current\":\"dev\"}\n")
        let view = try await config("view")
        #expect(view.output.hasPrefix("file: \(home)/.drove\ncurrent context: dev\n\n[prod]\n"))
        #expect(view.output.contains("  password = ****\n") && !view.output.contains("hunter22"))
        #expect(try await config("view", "--json").output.contains(#""prod":{"endpoint":"https://prod.example","#))
        let file = try String(contentsOfFile: "\(home)/.drove", encoding: .utf8)
        #expect(file.contains("[prod]\nendpoint = https://prod.example\nusername = u\npassword = hunter22\n"))
        let unknown = try await config("use", "none")
        #expect(
            (unknown.code, unknown.errors)
                == (5, "apus: \(home)/.drove: no context is called none: known are prod, dev\n")
        )
        #expect(try await config("remove", "dev").output == "dev is removed; no context is the current one now\n")
        try "[a]\npassword hunter22\n".write(toFile: "\(home)/.drove", atomically: false, encoding: .utf8)
        let broken = try await config("list")
        #expect(
            (broken.code, broken.errors)
                == (1, "apus: \(home)/.drove, line 2 has no value: write KEY = VALUE\n")
        )
        #expect(try await config("add", "x", "--endpoint", "prod").code == 64)
        #expect(try await config("add", "x", "--endpoint", "http://x", "--username", "u").code == 64)
    }

    // MARK: completion

    @Test func `names are completed as the controller knows them, and nothing is said when it is away`() async throws {
        try await Self.withNode { controller, node, endpoint in
            _ = await controller.post("applications/operations", create(instances: 1).json.serialized)
            try await eventually("it is healthy", node, controller) {
                await controller.healthy(AppID("TEST_APP-1")) == 1
            }
            let instance =
                await controller.get("applications/TEST_APP-1/instances").json?["data"]?[0]?["instanceId"]?.text ?? ""
            func offered(
                _ command: [String],
                _ argument: String,
                _ words: [String],
                at endpoint: String = endpoint
            ) async throws -> [String] {
                let all = ["apus"] + command + words
                let cursor = [argument, "\(all.count - 1)", "\(all.last?.count ?? 0)"]
                let run = try await Program(
                    Self.binary,
                    ["---completion"] + command + ["--"] + cursor + all,
                    endpoint: endpoint
                ).end()
                #expect((run.code, run.errors) == (0, ""))
                return run.output.split(whereSeparator: \.isWhitespace).map(String.init)
            }
            /// On a busy machine the command may be out of patience; then it offers nothing, and the next try more.
            func expect(_ command: [String], _ argument: String, _ words: [String], _ names: [String]) async throws {
                try await eventually("\(command) \(words) offers \(names)", node, controller) {
                    try await offered(command, argument, words) == names
                }
            }
            try await expect(["apps", "show"], "positional@0", ["TEST"], ["TEST_APP-1"])
            #expect(try await offered(["apps", "show"], "positional@0", ["OTHER"]) == [])
            try await expect(["apps", "stop"], "--ids", ["TEST_APP-1", "--ids", ""], [instance])
            try await expect(["explain"], "positional@0", [""], ["TEST_APP-1"])
            for command in ["status", "rollback", "restart", "scale", "exec"] {
                try await expect([command], "positional@0", [""], ["TEST_APP", "TEST_APP-1"])
            }
            let names = ["93b6b6f3-c7c8-3824-afc9-cb6d0b32454c", "node1", "node1:3000"]
            try await expect(["executors", "show"], "positional@0", [""], names)
            try await expect(["executors", "drain"], "--tag", ["--tag", "n"], ["node1"])
            #expect(try await offered(["localservices", "show"], "positional@0", [""]) == [])
            #expect(try await offered(["apps", "show"], "positional@0", [""], at: "127.0.0.1:1") == [])
            let chosen = ["--endpoint", endpoint, "TEST"]
            try await eventually("the endpoint of the command line is asked", node, controller) {
                try await offered(["apps", "show"], "positional@0", chosen, at: "127.0.0.1:1") == ["TEST_APP-1"]
            }
        }
    }

    /// A file that others can read, and an address that anybody may stand in for, are warned of where a command runs.
    @Test func `whoever presses Tab is warned of nothing`() async throws {
        try await Self.withNode { controller, node, endpoint in
            _ = await controller.post("applications/operations", create(instances: 0).json.serialized)
            let home = FileManager.default.temporaryDirectory.appending(path: "home-\(UUID())").path
            try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
            defer { #expect(throws: Never.self) { try FileManager.default.removeItem(atPath: home) } }
            let contexts = "[x]\nendpoint = \(endpoint)\nusername = u\npassword = p\ninsecure = true\n"
            try contexts.write(toFile: "\(home)/.drove", atomically: false, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: "\(home)/.drove")
            func run(_ arguments: [String]) async throws -> Run {
                try await Program(Self.binary, arguments, environment: ["HOME": home]).end()
            }
            let warned = try await run(["apps", "list", "--cluster", "x"])
            #expect(
                warned.code == 0 && warned.errors.contains("chmod 600") && warned.errors.contains("any certificate")
            )
            let words = ["apus", "apps", "show", "--cluster", "x", "TEST"]
            let completion = ["---completion", "apps", "show", "--", "positional@0", "5", "4"] + words
            // On a busy machine the command may be out of patience; then it offers nothing.
            try await eventually("it is offered", node, controller) {
                let offered = try await run(completion)
                #expect((offered.code, offered.errors) == (0, ""))
                return offered.output.split(whereSeparator: \.isWhitespace) == ["TEST_APP-1"]
            }
        }
    }

    /// Bash itself takes a word with a colon for several; what a terminal would hand to the function is made here.
    @Test func `in bash, HOST:PORT is completed, and what follows an address`() async throws {
        try await Self.withNode { controller, node, endpoint in
            _ = await controller.post("applications/operations", create(instances: 0).json.serialized)
            func offered(_ line: String, at usual: String = "127.0.0.1:1") async throws -> String {
                let words = line.replacing(":", with: " : ").replacing("=", with: " = ").split(separator: " ")
                let script = """
                    source <('\(Self.binary)' completions bash)
                    COMP_WORDS=('\(Self.binary)' \(words.joined(separator: " ")))
                    COMP_LINE='\(Self.binary) \(line)' COMP_POINT=\(Self.binary.utf8.count + 1 + line.utf8.count)
                    COMP_CWORD=\(words.count)
                    _apus_whole_words apus '\(words.last ?? "")' '\(words.dropLast().last ?? "")'
                    echo "${COMPREPLY[@]}"
                    """
                let run = try await Program("/bin/bash", ["-c", script], endpoint: usual).end()
                #expect((run.code, run.errors) == (0, ""))
                return run.output
            }
            for line in ["apps show --endpoint \(endpoint) TEST", "apps show --endpoint=\(endpoint) TEST"] {
                try await eventually("\(line) is completed", node, controller) {
                    try await offered(line) == "TEST_APP-1\n"
                }
            }
            // Bash puts it behind the colon.
            try await eventually("a port is completed", node, controller) {
                try await offered("executors show node1:3", at: endpoint) == "3000\n"
            }
        }
    }

    @Test func `a shell is given what completes commands`() async throws {
        // It is more than fits into a pipe that nobody empties meanwhile.
        let bash = try await Program("/bin/sh", ["-c", "'\(Self.binary)' completions bash | bash -n"]).end()
        #expect((bash.code, bash.errors) == (0, ""))
        for shell in ["bash", "zsh", "fish"] {
            let script = "'\(Self.binary)' completions \(shell) | grep -c -e ---completion"
            let run = try await Program("/bin/sh", ["-c", script]).end()
            #expect(run.code == 0, "\(shell)")
        }
        #expect(try await Program(Self.binary, ["completions", "tcsh"]).end().code == 64)
    }

    // MARK: the page

    @Test func `every command is on the page of the command line, and nothing else`() async throws {
        let commands = try await Self.commands().map(\.name)
        #expect(commands.contains("apus executors drain"))
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let page = tests.deletingLastPathComponent().appending(path: "docs/cli.md")
        let rows = try String(contentsOf: page, encoding: .utf8).split(separator: "\n").filter {
            $0.hasPrefix("| `apus ")
        }
        // The first cell begins with the command, what it takes in capitals behind it.
        let told = rows.map { row in
            row.dropFirst("| `".count).prefix { $0 != "`" }.split(separator: " ")
                .prefix { $0.allSatisfy { $0.isLowercase || $0 == "-" } }.joined(separator: " ")
        }
        #expect(Set(told) == Set(commands))
        #expect(told.count == Set(told).count, "each once")
    }

    /// Those that do something themselves, each with its help as the program dumps it.
    static func commands() async throws -> [(name: String, help: JSON)] {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let file = "\(folder.path)/help"
        // It is more than fits into a pipe.
        let run = try await Program("/bin/sh", ["-c", "'\(binary)' --experimental-dump-help >'\(file)'"]).end()
        #expect(run.code == 0, "\(run.errors)")
        let help = try JSON(parsing: String(contentsOfFile: file, encoding: .utf8))
        return commands(in: try #require(help["command"]), after: "")
    }

    private static func commands(in command: JSON, after path: String) -> [(name: String, help: JSON)] {
        let name = path + (command["commandName"]?.text ?? "")
        guard case .array(let subcommands)? = command["subcommands"] else { return [(name, command)] }
        let own = subcommands.filter { $0["commandName"] != "help" }
        return own.isEmpty ? [(name, command)] : own.flatMap { commands(in: $0, after: "\(name) ") }
    }
}
