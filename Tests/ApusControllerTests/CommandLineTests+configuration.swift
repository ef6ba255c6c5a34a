import ApusModel
import ApusTestKit
import Foundation
import Testing

/// The settings of roles: where they come from, and what is written about them.
extension CommandLineTests {
    private static let roles = ["controller", "executor", "node"]
    private static var root: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
    }

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// Gives `body` a folder of its own.
    private static func withFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "apus-config-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { #expect(throws: Never.self) { try FileManager.default.removeItem(at: folder) } }
        try await body(folder)
    }

    /// Writes a configuration file.
    ///
    /// - Returns: its path.
    private static func write(_ text: String, _ name: String = "node.yaml", in folder: URL) throws -> String {
        let path = folder.appending(path: name).path
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    private static func printed(_ arguments: [String], _ environment: [String: String] = [:]) async throws -> Run {
        try await Program(binary, ["config", "print"] + arguments, environment: environment).end()
    }

    /// What `apus config print --json` says of each setting.
    private static func settings(
        _ arguments: [String],
        _ environment: [String: String] = [:]
    ) async throws -> [String: JSON] {
        let run = try await printed(arguments + ["--json"], environment)
        #expect(run.code == 0, "\(run.errors)")
        guard case .array(let all)? = try JSON(parsing: run.output)["settings"] else { return [:] }
        return Dictionary(uniqueKeysWithValues: all.map { ($0["name"]?.text ?? "", $0) })
    }

    /// The long options of a role, but for the one that names the file.
    private static func options(_ role: String) async throws -> Set<String> {
        let help = try #require(try await commands().first { $0.name == "apus \(role)" }?.help)
        guard case .array(let arguments)? = help["arguments"] else { return [] }
        let names = arguments.compactMap { $0["preferredName"]?["name"]?.text }
        return Set(names).subtracting(["config", "help", "version"])
    }

    // MARK: where they come from

    @Test func `each setting tells who said it, the command line before environment and file`() async throws {
        try await Self.withFolder { folder in
            let file = try Self.write(
                """
                label: ${host}-file
                log-level: error
                audit-age: 30d

                allow-fetch: [a.example, "b.example:80"]
                task-cpu-weight: 2.5
                enable-raw-device-access: true
                """,
                in: folder
            )
            let variables = ["APUS_CONTROLLER_LOG_LEVEL": "debug", "APUS_CONTROLLER_AUDIT_AGE": "40d"]
            let arguments = ["--role", "controller", "--config", file, "--audit-age", "50d"]
            let settings = try await Self.settings(arguments, variables)
            func told(_ name: String) -> [JSON?] { [settings[name]?["value"], settings[name]?["origin"]] }
            #expect(told("audit-age") == ["50d", "command line"])
            #expect(told("log-level") == ["debug", "$APUS_CONTROLLER_LOG_LEVEL"])
            #expect(told("task-cpu-weight") == ["2.5", .string("\(file):6")])
            #expect(told("allow-fetch") == [["a.example", "b.example:80"], .string("\(file):5")])
            #expect(told("enable-raw-device-access") == [true, .string("\(file):7")])
            #expect(told("stale-task-age") == ["2d", "default"])
            #expect(told("admin-address") == ["127.0.0.1:10001", "default"], "what is worked out is shown too")
            #expect(told("users") == [nil, "default"])
            #expect(settings["label"]?["value"]?.text?.hasSuffix("-file") == true)
            let table = try await Self.printed(arguments + ["--origin"], variables)
            #expect(table.output.contains(/\nlog-level +debug +\$APUS_CONTROLLER_LOG_LEVEL\n/))
            let plain = try await Self.printed(arguments)
            #expect(plain.output.contains(/\nlog-level +error\n/) && !plain.output.contains(file + ":"))
        }
    }

    @Test func `a node takes the settings of both roles, and knows whom its executor reports to`() async throws {
        let both = try await Self.options("controller").union(Self.options("executor"))
        let own = try await Self.options("node")
        #expect(own == both.subtracting(["controllers", "cluster"]).union(["executor-address"]))
        try await Self.withFolder { folder in
            let file = try Self.write("zookeeper: 127.0.0.1:2181/apus\nzone: z1\naudit-age: 30d\n", in: folder)
            let arguments = ["--role", "node", "--config", file, "--address", "127.0.0.1:10999"]
            let settings = try await Self.settings(arguments, ["APUS_NODE_MULTIPLIER": "4"])
            func told(_ name: String) -> [JSON?] { [settings[name]?["value"], settings[name]?["origin"]] }
            #expect(told("zookeeper") == ["127.0.0.1:2181/apus", .string("\(file):1")])
            #expect(told("zone") == ["z1", .string("\(file):2")])
            #expect(told("audit-age") == ["30d", .string("\(file):3")])
            #expect(told("multiplier") == ["4", "$APUS_NODE_MULTIPLIER"])
            #expect(told("executor-address") == ["127.0.0.1:11000", "default"])
            #expect(told("admin-address") == ["127.0.0.1:11001", "default"], "the next port that is free")
            let state = settings["state"]?["value"]?.text
            #expect(state?.hasSuffix("/apus-node") == true)
        }
        let run = try await Self.printed(["--role", "node", "--executor-address", "127.0.0.1:10000"])
        #expect(run.code == 64 && run.errors.contains("--address and --executor-address must differ"), "\(run)")
    }

    @Test func `an executor is told of controllers in one way`() async throws {
        let usual = try await Self.settings(["--role", "executor"])
        #expect(usual["controllers"]?["value"] == ["http://127.0.0.1:10000"])
        try await Self.withFolder { folder in
            let file = try Self.write("controllers: [\"http://a:1\"]\n", in: folder)
            let words = ["--role", "executor", "--config", file]
            #expect(try await Self.settings(words)["controllers"]?["value"] == ["http://a:1"])
            let both = try await Self.printed(words, ["APUS_EXECUTOR_ZOOKEEPER": "127.0.0.1:2181"])
            #expect(both.code == 64 && both.errors.contains("--controllers and --zookeeper exclude each other"))
            #expect(both.errors.contains("--controllers is set by \(file):1"), "\(both)")
            #expect(both.errors.contains("--zookeeper is set by $APUS_EXECUTOR_ZOOKEEPER"), "\(both)")
        }
        let found = try await Self.settings(["--role", "executor", "--zookeeper", "127.0.0.1:2181"])
        #expect(found["controllers"]?["value"] == [])
        let open = try await Program(Self.binary, ["executor", "--config", "none", "--zookeeper", "zk1:2181"]).end()
        #expect(open.code == 1 && open.errors.contains("give --zookeeper-credential-file FILE"), "\(open)")
    }

    @Test func `a file is named by a variable too, and none is read if none is wanted`() async throws {
        try await Self.withFolder { folder in
            let file = try Self.write("zone: z1\n", in: folder)
            let variables = ["APUS_EXECUTOR_CONFIG": file, "APUS_EXECUTOR_TAG": #"["a","b"]"#]
            let named = try await Self.settings(["--role", "executor"], variables)
            #expect(named["zone"]?["value"] == "z1" && named["tag"]?["value"] == ["a", "b"])
            let none = try await Self.settings(["--role", "executor", "--config", "none"], variables)
            #expect(none["zone"] != nil && none["zone"]?["value"] == nil)
            let odd = try await Self.printed(["--role", "executor"], ["APUS_EXECUTOR_ZONES": "z"])
            #expect(odd.errors.contains("APUS_EXECUTOR_ZONES is no setting and changes nothing"))
        }
    }

    @Test func `what cannot be in a file is refused with its line, by the role as by its print`() async throws {
        let cases: [(text: String, reason: String)] = [
            ("adress: a\n", ":1: adress is no setting here; did you mean address?"),
            ("\naddress: [a, b]\n", ":2: address must be one value"),
            ("address:\n", ":1: address has no value"),
            ("users: ${env:NO_SUCH_VARIABLE}\n", ":1: users: the environment has no NO_SUCH_VARIABLE"),
            ("enable-raw-device-access: perhaps\n", ":1: enable-raw-device-access must be true or false, not perhaps"),
            ("\n\naudit-age: soon\n", "--audit-age is set by "),
            ("audit-records: many\n", "--audit-records is set by "),
            ("log-level: loud\n", "--log-level is set by "), ("- a\n", " must hold lines"),
        ]
        try await Self.withFolder { folder in
            for (text, reason) in cases {
                let file = try Self.write(text, in: folder)
                let place = reason.hasPrefix(":") ? file + reason : reason
                for words in [["controller"], ["config", "print", "--role", "controller"]] {
                    let run = try await Program(Self.binary, words + ["--config", file]).end()
                    #expect(run.code == 64, "\(words) \(text): \(run)")
                    #expect(run.errors.contains(place), "\(words) \(text): \(run.errors)")
                }
            }
            let help = try await Program(Self.binary, ["controller", "--config", "/none", "--help"]).end()
            #expect(help.code == 0 && help.output.contains("--audit-age"), "help is given whatever a file says")
            let missing = try await Program(Self.binary, ["executor", "--config", "/none"]).end()
            #expect((missing.code, missing.errors) == (64, "apus: /none cannot be opened: there is no such file\n"))
        }
    }

    @Test func `what comes out of another file is shown nowhere`() async throws {
        try await Self.withFolder { folder in
            let secret = try Self.write("hunter 22\n", "secret", in: folder)
            let file = try Self.write("metadata: {key: \"${file:\(secret)}\"}\n", in: folder)
            for options in [[], ["--origin"], ["--json"]] {
                let run = try await Self.printed(["--role", "executor", "--config", file] + options)
                #expect(run.code == 0 && run.output.contains("${file:\(secret)}"))
                #expect(!run.output.contains("hunter"))
            }
            let wrong = try Self.write("zone: ${file:\(secret)}\n", in: folder)
            let run = try await Self.printed(["--role", "executor", "--config", wrong])
            #expect(run.code == 64 && run.errors.contains("--zone must be"), "\(run)")
            #expect(run.errors.contains("--zone is set by \(wrong):1") && !run.errors.contains("hunter"))
        }
    }

    // MARK: what is written about them

    @Test func `the page tells every setting, its default, and whether it changes without a restart`() async throws {
        var told: [String: [String: (standard: String, change: String)]] = [:]
        var section = ""
        for line in try Self.text("docs/configuration.md").split(separator: "\n") {
            if line.hasPrefix("## ") { section = String(line.dropFirst(3)) }
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 4, cells[0].hasPrefix("`") else { continue }
            told[section, default: [:]][cells[0].replacing("`", with: "")] = (cells[2], cells[3])
        }
        let (controller, executor) = (try await Self.options("controller"), try await Self.options("executor"))
        #expect(Set(told["Both", default: [:]].keys) == controller.intersection(executor))
        #expect(Set(told["Controllers", default: [:]].keys) == controller.subtracting(executor))
        #expect(Set(told["Executors", default: [:]].keys) == executor.subtracting(controller))
        let node = try await Self.options("node")
        #expect(Set(told["Nodes", default: [:]].keys) == node.subtracting(controller).subtracting(executor))
        let sections = [
            ("controller", ["Controllers"]), ("executor", ["Executors"]),
            ("node", ["Controllers", "Executors", "Nodes"]),
        ]
        for (role, sections) in sections {
            let rows = sections.reduce(told["Both", default: [:]]) { $0.merging(told[$1, default: [:]]) { $1 } }
            for (name, setting) in try await Self.settings(["--role", role, "--config", "none"]) {
                let row = try #require(rows[name])
                #expect((setting["live"] == true) == (row.change == "SIGHUP"), "\(role) \(name)")
                guard told["Both"]?[name] == nil, let value = setting["value"]?.text, !value.hasPrefix("/") else {
                    continue
                }
                #expect(row.standard == value, "\(role) \(name)")
            }
        }
    }

    @Test func `the samples are taken as they are, and tell every setting`() async throws {
        for role in Self.roles {
            let sample = try Self.text("packaging/\(role).yaml")
            let keys = sample.matches(of: /(?m)^#?([a-z][a-z-]*):/).map { String($0.1) }
            #expect(try await Set(keys) == Self.options(role) && keys.count == Set(keys).count, "\(role)")
            try await Self.withFolder { folder in
                let file = try Self.write(sample, in: folder)
                let settings = try await Self.settings(["--role", role, "--config", file])
                #expect(settings["state"]?["value"] == .string("/var/lib/apus-\(role)"))
                // Each of those that are left out can be taken up.
                for match in sample.matches(of: /(?m)^#([a-z][a-z-]*): (.*)$/) {
                    var text = "\(match.1): \(match.2)\n"
                    if match.1.hasPrefix("tls-") { text = "tls-certificate: /c\ntls-key: /k\n" }
                    if match.1.hasPrefix("trusted-") { text = "trusted-proxy: 10.1.2.3\ntrusted-proxy-header: X\n" }
                    if match.1.hasPrefix("zookeeper-") { text += "zookeeper: 127.0.0.1:2181\n" }
                    let run = try await Self.printed(["--role", role, "--config", try Self.write(text, in: folder)])
                    #expect(run.code == 0, "\(text): \(run.errors)")
                }
            }
        }
    }

    @Test func `systemd finds nothing wrong with the units`() async throws {
        try await Self.withFolder { folder in
            for role in Self.roles {
                let unit = try Self.text("packaging/apus-\(role).service")
                #expect(unit.contains("\nExecStart=/usr/bin/apus \(role) --config /etc/apus/\(role).yaml\n"))
                // A group of its own collects the logs of containers.
                #expect(unit.contains("\nUMask=\(role == "executor" ? "0027" : "0077")\n"))
                let text = unit.replacing("/usr/bin/apus ", with: "\(Self.binary) ")
                let file = try Self.write(text, "apus-\(role).service", in: folder)
                let run = try await Program("/usr/bin/systemd-analyze", ["verify", file]).end()
                #expect(run.code == 0 && run.errors.isEmpty && run.output.isEmpty, "\(run)")
            }
        }
    }

    // MARK: while it runs

    @Test func `a service manager is told when the controller listens`() async throws {
        try await Self.withFolder { folder in
            let socket = try NoticeSocket(folder.appending(path: "notify").path)
            let arguments = [
                "controller", "--config", "none", "--state", folder.appending(path: "state").path, "--address",
                "127.0.0.1:\(Int.random(in: 20_000..<32_000))", "--admin-address", "none",
            ]
            let program = try Program(Self.binary, arguments, environment: ["NOTIFY_SOCKET": socket.path])
            defer { if program.isRunning { program.interrupt() } }
            try await eventually("it is told") { socket.received() == "READY=1" }
            program.interrupt()
            #expect(try await program.end().output.contains("API "))
        }
    }
}
