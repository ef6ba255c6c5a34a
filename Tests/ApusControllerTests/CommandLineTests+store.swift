import ApusClient
import ApusController
import ApusEngine
import ApusModel
import ApusStore
import ApusTestKit
import Foundation
import Testing

/// `apus store`: a back-up, and what becomes of it.
extension CommandLineTests {
    /// A folder of a test's own.
    private static func withFolder(_ body: @Sendable (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("store-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await body(folder)
    }

    private static func store(_ arguments: String..., endpoint: String = "", as user: [String: String] = [:])
        async throws -> Run
    {
        try await Program(binary, ["store"] + arguments, endpoint: endpoint, environment: user).end()
    }

    private static func permissions(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    /// An export of a cluster with one application, of which nothing runs.
    private static func exported(to path: String, of name: String = "c1") async throws {
        let store = MemoryStore()
        try await withController(store: store) { controller in
            _ = await controller.inbox.submit(.application(create(instances: 0)))
        }
        let stream = ExportStream(try await store.snapshot(), of: ClusterID(name), at: WallTime(milliseconds: 0))
        var bytes: [UInt8] = []
        for try await piece in stream { bytes += piece }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    }

    // MARK: export

    @Test func `a running controller is exported into a file that is its owner's alone, or to standard output`()
        async throws
    {
        try await Self.withFolder { folder in
            let file = "\(folder)/backup.jsonl"
            try await Self.withNode { controller, _, endpoint in
                _ = await controller.inbox.submit(.application(create(instances: 0)))
                let first = try await Self.store("export", file, endpoint: endpoint)
                #expect(first.code == 0, "\(first.errors)")
                let said = "records of cluster c1, epoch 1, are exported to \(file)\nIt holds the hashes"
                #expect(first.output.contains(said), "\(first.output)")
                #expect(try Self.permissions(file) == 0o600)
                #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["backup.jsonl"])
                let before = try Data(contentsOf: URL(fileURLWithPath: file))
                let again = try await Self.store("export", file, endpoint: endpoint)
                #expect((again.code, again.errors.contains("is there already")) == (5, true))
                #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == before)
                #expect(try await Self.store("export", file, "--force", endpoint: endpoint).code == 0)
                let piped = try await Self.store("export", "-", endpoint: endpoint)
                #expect(piped.code == 0 && piped.errors.contains("records of cluster c1, epoch 1, are exported\n"))
                #expect(piped.output.hasPrefix(#"{"apus":"store export","format":1,"#))
                #expect(piped.output.contains(#""kind":"application","id":"TEST_APP-1""#))
            }
        }
    }

    @Test func `an export is written into no file that is there`() async throws {
        try await Self.withFolder { folder in
            let (file, planted) = ("\(folder)/backup.jsonl", "\(folder)/backup.jsonl.unfinished")
            try "another's".write(toFile: planted, atomically: true, encoding: .utf8)
            try await Self.withNode { _, _, endpoint in
                let run = try await Self.store("export", file, endpoint: endpoint)
                #expect(run.code == 0, "\(run.errors)")
            }
            #expect(try String(contentsOfFile: planted, encoding: .utf8) == "another's")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 2)
        }
    }

    @Test func `nobody but root exports, and what cannot be exported leaves no file`() async throws {
        try await Self.withFolder { folder in
            let file = "\(folder)/backup.jsonl"
            try await withController(store: MemoryStore(), callers: .roles) { controller in
                try await withServer(controller) { client in
                    let writer = ["APUS_USERNAME": "writer", "APUS_PASSWORD": CallerRig.password]
                    let refused = try await Self.store("export", file, endpoint: client.endpoint, as: writer)
                    #expect(refused.code == 6, "\(refused)")
                    let root = ["APUS_USERNAME": "root", "APUS_PASSWORD": CallerRig.password]
                    #expect(try await Self.store("export", file, endpoint: client.endpoint, as: root).code == 0)
                    let denied = await controller.call("GET", "cluster/audit", CallerRig.basic("root")).json
                    #expect(denied?.serialized.contains("CHANGE_DENIED") == true)
                }
            }
            let gone = try await Self.store("export", "\(folder)/other", endpoint: "http://127.0.0.1:1")
            #expect(gone.code == 7)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["backup.jsonl"])
            let empty = try await Self.store("export", "\(folder)/other", "--state", "\(folder)/nothing")
            #expect(empty.code == 1 && empty.errors.contains("holds no store"), "\(empty)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["backup.jsonl"])
            let nowhere = try await Self.store("export", "\(folder)/no/such", endpoint: "http://127.0.0.1:1")
            #expect(nowhere.code == 1 && nowhere.errors.contains("cannot be created"), "\(nowhere)")
        }
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func `an export that is interrupted leaves nothing`(signal: Int32) async throws {
        try await Self.withFolder { folder in
            @Sendable func files() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder) }
            let store = GatedStore()
            try await withController(store: store) { controller in
                try await withServer(controller) { client in
                    // The leader hands nothing out before its turn is stored.
                    store.shut()
                    async let created = controller.inbox.submit(.application(create(instances: 0)))
                    try await eventually("the commit is under way") { store.held == 1 }
                    let arguments = ["store", "export", "\(folder)/backup.jsonl"]
                    let export = try Program(Self.binary, arguments, endpoint: client.endpoint)
                    try await eventually("the file is begun") { try files().contains { $0.hasSuffix(".unfinished") } }
                    export.signal(signal)
                    let run = try await export.end()
                    #expect((run.code, run.output) == (130, ""), "\(run.errors)")
                    #expect(run.errors.contains("nothing unfinished is left"))
                    #expect(try files() == [])
                    store.open()
                    _ = await created
                }
            }
        }
    }

    // MARK: import

    @Test func `an export is looked at without a change, and imported into a directory that gets its cluster's id`()
        async throws
    {
        try await Self.withFolder { folder in
            let (file, state) = ("\(folder)/backup.jsonl", "\(folder)/state")
            try await Self.exported(to: file)
            let looked = try await Self.store("import", file, "--state", state, "--dry-run")
            #expect(looked.code == 0, "\(looked.errors)")
            #expect(looked.output.hasPrefix("cluster   c1\nexported  1970-01-01T00:00:00Z, "))
            #expect(looked.output.contains("\nepoch     1\nrecords   1 application, "))
            #expect(looked.output.contains("\nIt can be imported. Nothing was changed, and no place for it was"))
            #expect(!FileManager.default.fileExists(atPath: state))
            let asJSON = try await Self.store("import", file, "--state", "\(folder)/other", "--json")
            let said = try JSON(parsing: Array(asJSON.output.utf8))
            #expect(said["imported"] == true && said["cluster"] == "c1" && said["into"]?.text == "\(folder)/other")
            let imported = try await Self.store("import", file, "--state", state)
            #expect(imported.code == 0 && imported.errors.isEmpty, "\(imported.errors)")
            #expect(imported.output.contains("It is imported into \(state).\nStart the controller"))
            #expect(imported.output.contains("\n    apus controller --state \(state)\n"))
            #expect(try String(contentsOfFile: "\(state)/cluster", encoding: .utf8) == "c1\n")
            #expect(try Self.permissions("\(state)/state.db") == 0o600)
            // What was imported is exported again, offline.
            let again = try await Self.store("export", "-", "--state", state)
            #expect(again.code == 0, "\(again.errors)")
            #expect(again.output.contains(#""kind":"application","id":"TEST_APP-1""#))
        }
    }

    @Test func `nothing that is there is replaced unasked, and then it is kept`() async throws {
        try await Self.withFolder { folder in
            let (file, state) = ("\(folder)/backup.jsonl", "\(folder)/state")
            try await Self.exported(to: file)
            #expect(try await Self.store("import", file, "--state", state).code == 0)
            let refused = try await Self.store("import", file, "--state", state)
            #expect(refused.code == 5 && refused.errors.contains("or --replace to put the export in its place"))
            let replaced = try await Self.store("import", file, "--state", state, "--replace")
            #expect(replaced.code == 0, "\(replaced.errors)")
            #expect(replaced.output.contains("The store that was there is kept as \(state)/state.db.replaced-1.\n"))
            #expect(FileManager.default.fileExists(atPath: "\(state)/state.db.replaced-1"))
            try await Self.exported(to: "\(folder)/other.jsonl", of: "c2")
            let other = try await Self.store("import", "\(folder)/other.jsonl", "--state", state, "--replace")
            #expect(other.code == 5, "\(other)")
            #expect(other.errors.contains("belongs to cluster c1, and this is an export of cluster c2"))
        }
    }

    @Test func `what is damaged, or could not be led by, is refused before anything is touched`() async throws {
        try await Self.withFolder { folder in
            let (file, state) = ("\(folder)/backup.jsonl", "\(folder)/state")
            func refused(_ reason: String) async throws {
                let run = try await Self.store("import", file, "--state", state)
                #expect(run.code == 1 && run.errors.contains(reason), "\(run)")
                #expect(!FileManager.default.fileExists(atPath: state))
            }
            try await refused("cannot be opened: No such file")
            try await Self.exported(to: file)
            let text = try String(contentsOfFile: file, encoding: .utf8)
            try text.dropLast(100).write(toFile: file, atomically: false, encoding: .utf8)
            try await refused("it was not written, or not copied, to its end")
            let changed = text.replacing(#""epoch":1"#, with: #""epoch":2"#)
            try changed.write(toFile: file, atomically: false, encoding: .utf8)
            try await refused("the checksum of what stands before is another one")
            let header = ExportHeader(cluster: ClusterID("c1"), epoch: 1, at: WallTime(milliseconds: 0))
            var export = ExportText()
            let records = ["a-1", "b-1"].map { Record(key: RecordKey(.application, $0), bytes: Array("{}".utf8)) }
            let bytes = export.header(header) + export.lines(of: records) + export.end()
            try Data(bytes).write(to: URL(fileURLWithPath: file))
            try await refused(
                "and nothing was changed:\n  application a-1: spec is missing\n  application b-1: spec is missing\n"
            )
        }
    }

    @Test func `whoever could read the file is warned of, and wrong usage is refused`() async throws {
        try await Self.withFolder { folder in
            let file = "\(folder)/backup.jsonl"
            try await Self.exported(to: file)
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file)
            let run = try await Self.store("import", file, "--dry-run")
            #expect(run.code == 0 && run.errors.contains("others on this machine can read \(file)"), "\(run)")
            let stateless = try await Self.store("import", file)
            #expect(stateless.code == 64 && stateless.errors.contains("name the state directory with --state"))
            let wrong: [([String], String)] = [
                (["--state", folder, "--zookeeper", "127.0.0.1/apus"], "--state and --zookeeper exclude each other"),
                (["--zookeeper", "127.0.0.1:x/apus"], "--zookeeper: 127.0.0.1:x of"),
                (["--state", folder, "--zookeeper-credential-file", file], "-credential-file needs --zookeeper"),
            ]
            for (options, reason) in wrong {
                let run = try await Program(Self.binary, ["store", "import", file] + options).end()
                #expect(run.code == 64 && run.errors.contains(reason), "\(run)")
            }
            let open = try await Self.store("import", file, "--zookeeper", "zk1.example.com/apus")
            #expect(open.code == 1 && open.errors.contains("give --zookeeper-credential-file FILE"), "\(open)")
            let both = try await Self.store("export", file, "--state", folder, "--endpoint", "http://127.0.0.1:1")
            #expect(both.code == 64 && both.errors.contains("leave --endpoint and --cluster out"))
        }
    }

    // MARK: controllers that run

    /// Runs `apus controller` until the body is over, and kills it then.
    private static func withProcess(_ state: String, _ body: (_ endpoint: String) async throws -> Void) async throws {
        let address = "127.0.0.1:\(Int.random(in: 20_000..<32_000))"
        let controller = try Program(
            binary,
            ["controller", "--state", state, "--address", address, "--admin-address", "none"]
        )
        let result: Result<Void, any Error>
        do {
            try await eventually("the controller at \(address) answers, or has ended") {
                guard controller.isRunning else { return true }
                return try await Program(binary, ["cluster", "show"], endpoint: address).end().code == 0
            }
            result = .success(try await body(address))
        } catch {
            result = .failure(error)
        }
        controller.kill9()
        let end = try await controller.end()
        #expect(end.code == 9, "\(end.errors)")
        try result.get()
    }

    @Test func `a cluster whose controller was killed is moved into another directory: RESTORED until confirmed`()
        async throws
    {
        try await Self.withFolder { folder in
            let (old, new, file) = ("\(folder)/old", "\(folder)/new", "\(folder)/backup.jsonl")
            let spec = "\(folder)/spec.json"
            try exampleSpec().json.serialized.write(toFile: spec, atomically: true, encoding: .utf8)
            try await Self.withProcess(old) { endpoint in
                let deploy = ["apps", "deploy", spec, "--instances", "0", "--no-wait"]
                let deployed = try await Program(Self.binary, deploy, endpoint: endpoint).end()
                #expect(deployed.code == 0, "\(deployed.errors)")
                #expect(try await Self.store("export", file, endpoint: endpoint).code == 0)
                let locked = try await Self.store("export", "-", "--state", old)
                #expect(locked.code == 5 && locked.errors.contains("is exported without --state"), "\(locked)")
                let over = try await Self.store("import", file, "--state", old, "--replace")
                #expect(over.code == 5 && over.errors.contains("is in use by process"), "\(over)")
            }
            let offline = try await Self.store("export", "\(folder)/offline.jsonl", "--state", old)
            #expect(offline.code == 0, "\(offline.errors)")
            #expect(try await Self.store("import", file, "--state", new).code == 0)
            let id = try String(contentsOfFile: "\(old)/cluster", encoding: .utf8)
            #expect(try String(contentsOfFile: "\(new)/cluster", encoding: .utf8) == id)
            try await Self.withProcess(new) { endpoint in
                func show() async throws -> String {
                    try await Program(Self.binary, ["cluster", "show"], endpoint: endpoint).end().output
                }
                #expect(try await show().contains("RESTORED from an export: nothing is stopped on its word"))
                let apps = try await Program(Self.binary, ["apps", "list"], endpoint: endpoint).end()
                #expect(apps.output.contains("TEST_APP-1"))
                let confirmed = try await Self.store("confirm", "--yes", endpoint: endpoint)
                #expect(confirmed.output.contains("the restored state holds"), "\(confirmed)")
                #expect(try await !show().contains("RESTORED"))
            }
        }
    }

    @Test func `a controller does not begin on a store whose cluster is not written down`() async throws {
        try await Self.withFolder { folder in
            let (file, state) = ("\(folder)/backup.jsonl", "\(folder)/state")
            try await Self.exported(to: file)
            #expect(try await Self.store("import", file, "--state", state).code == 0)
            try FileManager.default.removeItem(atPath: "\(state)/cluster")
            let arguments = ["controller", "--state", state, "--address", "127.0.0.1:1", "--admin-address", "none"]
            let run = try await Program(Self.binary, arguments).end()
            #expect(run.code == 1, "\(run)")
            #expect(run.errors.contains("the file cluster is missing, which names its cluster"), "\(run)")
            #expect(try await Self.store("import", file, "--state", state, "--replace").code == 0)
            #expect(try String(contentsOfFile: "\(state)/cluster", encoding: .utf8) == "c1\n")
        }
    }
}
