import ApusAgent
import ApusContainers
import ApusExecutor
import ApusModel
import Foundation
import Testing

/// Configuration files are put into a container before it starts.
@Suite(.timeLimit(.minutes(1)))
struct ConfigFileTests {
    private let engine = MemoryEngine()
    private let root: String
    private let scratch: Scratch

    init() throws {
        scratch = try Scratch()
        root = try scratch.directory().path
        try FileManager.default.createDirectory(atPath: "\(root)/allowed", withIntermediateDirectories: true)
        try "from the machine".write(toFile: "\(root)/allowed/app.conf", atomically: false, encoding: .utf8)
        try "secret".write(toFile: "\(root)/secret", atomically: false, encoding: .utf8)
        try FileManager.default.createSymbolicLink(atPath: "\(root)/allowed/out", withDestinationPath: "../secret")
        #expect(mkfifo("\(root)/allowed/pipe", 0o644) == 0)
        #expect(truncate("\(root)/allowed/app.conf", 16) == 0)
        #expect(FileManager.default.createFile(atPath: "\(root)/allowed/huge", contents: nil))
        #expect(truncate("\(root)/allowed/huge", (1 << 20) + 1) == 0)
    }

    /// How the start of a container with these files ends, and what was put into it.
    private func start(_ configs: [ConfigSpec]) async throws -> (outcome: Outcome, archive: [UInt8]?) {
        var spec = LoopRig.spec(1)
        spec.workload.configs = configs
        var limits = MachineLimits()
        limits.configFolders = ["\(root)/allowed"]
        let performer = LoopRig.performer(engine, limits: LimitsFile(limits))
        let job = Job.create(spec, created: WallTime(milliseconds: 7), epoch: 3, ports: [])
        guard case .created(let id, _) = await performer.perform(job, for: spec.id, of: spec) else {
            throw ExecutorError("it was not created")
        }
        let outcome = await performer.perform(.start(id), for: spec.id, of: spec)
        return (outcome, engine.change { $0.archives[id] })
    }

    private func reason(_ config: ConfigSpec) async throws -> String {
        guard case .failed(let failure) = try await start([config]).outcome else { return "it was started" }
        return failure.reason
    }

    /// What `tar` makes of the archive, by name.
    private func unpacked(_ archive: [UInt8]) throws -> [String: String] {
        let folder = "\(root)/unpacked"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(archive).write(to: URL(fileURLWithPath: "\(root)/archive.tar"))
        let tar = Process()
        tar.executableURL = URL(fileURLWithPath: "/bin/tar")
        tar.arguments = ["xf", "\(root)/archive.tar", "-C", folder]
        try tar.run()
        tar.waitUntilExit()
        #expect(tar.terminationStatus == 0)
        var files: [String: String] = [:]
        for path in try FileManager.default.subpathsOfDirectory(atPath: folder) {
            files["/" + path] = try? String(contentsOfFile: "\(folder)/\(path)", encoding: .utf8)
        }
        return files
    }

    @Test func `files of the specification and of the machine are put where they belong`() async throws {
        let deep = "/etc/" + String(repeating: "a-long-name/", count: 12) + "app.conf"
        let (outcome, archive) = try await start([
            ConfigSpec(localFilename: "/etc/one.conf", source: .inline(data: Array("inline".utf8))),
            ConfigSpec(localFilename: deep, source: .inline(data: Array("deep".utf8))),
            ConfigSpec(localFilename: "/two.conf", source: .executorLocalFile(path: "\(root)/allowed/app.conf")),
        ])
        #expect(outcome == .started)
        let files = try unpacked(try #require(archive))
        #expect(files == ["/etc/one.conf": "inline", deep: "deep", "/two.conf": "from the machine"])
        engine.end()
    }

    @Test func `a file of the machine is read only below an allowed folder, and only a plain one`() async throws {
        for path in ["/etc/passwd", "\(root)/allowed/../secret", "\(root)/allowed/out", "\(root)/secret"] {
            let config = ConfigSpec(localFilename: "/x", source: .executorLocalFile(path: path))
            #expect(try await reason(config).contains("limit `configFolders`"), "\(path)")
            try await again()
        }
        let pipe = ConfigSpec(localFilename: "/x", source: .executorLocalFile(path: "\(root)/allowed/pipe"))
        #expect(try await reason(pipe).contains("no plain file"))
        try await again()
        let huge = ConfigSpec(localFilename: "/x", source: .executorLocalFile(path: "\(root)/allowed/huge"))
        #expect(try await reason(huge).contains("longer than"))
    }

    @Test func `nothing is fetched from who is not allowed`() async throws {
        for host in ["127.0.0.1", "169.254.169.254", "localhost", "config.example.com"] {
            let call = HTTPCallSpec(scheme: .http, hostname: host, port: 80, path: "/secret")
            let config = ConfigSpec(localFilename: "/x", source: .executorHTTPFetch(call))
            #expect(try await reason(config).contains("limit `fetches`"), "\(host)")
            try await again()
        }
    }

    @Test func `one that has run keeps the files that it has`() async throws {
        let (_, archive) = try await start([ConfigSpec(localFilename: "/x", source: .inline(data: [1]))])
        #expect(archive != nil)
        let id = try #require(engine.ids.first)
        engine.change { $0.archives = [:] }
        try await engine.stop(id, grace: .zero)
        var spec = LoopRig.spec(1)
        spec.workload.configs = [ConfigSpec(localFilename: "/x", source: .executorLocalFile(path: "/nowhere"))]
        let outcome = await LoopRig.performer(engine).perform(.start(id), for: spec.id, of: spec)
        #expect(outcome == .started && engine.change { $0.archives.isEmpty })
        engine.end()
    }

    /// The name is free for the next try.
    private func again() async throws {
        for id in engine.ids { try await engine.remove(id, force: true, volumes: true) }
    }
}
