import ApusExecutor
import ApusModel
import Foundation
import Testing

/// The sample in `packaging/promtail.yaml` fits the files that are written.
@Suite struct PromtailSampleTests {
    private let sample: String

    init() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        sample = try String(contentsOf: root.appending(path: "packaging/promtail.yaml"), encoding: .utf8)
    }

    /// What follows a key, without quotes.
    private func values(_ key: String) -> [String] {
        sample.split(separator: "\n").compactMap { line in
            let text = line.trimmingCharacters(in: .whitespaces)
            guard text.hasPrefix("\(key): ") else { return nil }
            return text.dropFirst(key.count + 2).trimmingCharacters(in: CharacterSet(charactersIn: "'"))
        }
    }

    /// The named groups of an expression that matches all of a text; `nil` if it does not match.
    private func groups(_ expression: String, _ text: String, _ names: [String]) throws -> [String]? {
        let swift = expression.replacing("(?P<", with: "(?<")
        guard let match = try Regex(swift).wholeMatch(in: text) else { return nil }
        return names.map { name in match[name]?.substring.map(String.init) ?? "" }
    }

    private static let places: [(LogPlace?, [String])] = [
        (
            LogPlace(owner: .application(AppID("WEB-1.0_a")), instance: InstanceID("AI-1")),
            ["applications", "WEB-1.0_a", "AI-1"]
        ),
        (
            LogPlace(owner: .task(TaskID(source: "BATCH", name: "T 1")), instance: InstanceID("TI-1")),
            ["tasks", "BATCH", "T 1"]
        ),
        (
            LogPlace(owner: .localService(ServiceID("PROXY-1")), instance: InstanceID("SI-1")),
            ["localservices", "PROXY-1", "SI-1"]
        ),
    ]

    @Test func `its paths and labels are those of the files`() async throws {
        let glob = try #require(values("__path__").first)
        let expression = try #require(values("expression").first)
        let root = "/var/log/apus"
        #expect(glob == "\(root)/{applications,tasks,localservices}/*/*/output.log")
        for (place, labels) in Self.places {
            let scratch = try Scratch()
            let disk = DiskThread()
            let (place, engine) = (try #require(place), ScriptedLogs())
            engine.write("a line", at: 1)
            await write(place, engine, below: scratch.path, disk)
            // Written by the capture itself, and found by the glob's own steps.
            let found = try FileManager.default.subpathsOfDirectory(atPath: scratch.path).filter {
                $0.hasSuffix("/output.log")
            }
            #expect(found == ["\(labels.joined(separator: "/"))/output.log"])
            let path = "\(root)/\(try #require(found.first))"
            #expect(try groups(expression, path, ["kind", "owner", "instance"]) == labels)
            #expect(try groups(expression, "\(path).1", []) == nil, "what is rotated away is not read again")
        }
    }

    private func write(_ place: LogPlace, _ engine: ScriptedLogs, below root: String, _ disk: DiskThread) async {
        let capture = LogCapture(root: root, source: engine, disk: disk, logger: LoopRig.logger)
        let owner: Owner =
            switch place.kind {
            case .applications: .application(AppID(place.owner))
            case .tasks: .task(TaskID(source: place.owner, name: place.name))
            case .localservices: .localService(ServiceID(place.owner))
            }
        engine.stop()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await capture.run() }
            let instance = InstanceID(place.name)
            capture.follow(instance: instance, owner: owner, container: ScriptedLogs.container, logging: nil)
            await capture.drained(instance, within: .seconds(30))
            group.cancelAll()
        }
    }

    @Test func `its line pattern takes apart what is written, whatever the text is`() throws {
        let expressions = values("expression")
        let expression = try #require(expressions.last)
        for text in ["a line", "", "out err out", #"{"json":true}"#, " spaces  "] {
            let line = LogBench.line(text, at: 7, "err")
            let time = String(line.prefix(30))
            #expect(try groups(expression, line, ["time", "stream", "text"]) == [time, "err", text])
        }
        #expect(values("source").contains("time") && values("format") == ["RFC3339Nano"])
    }
}
