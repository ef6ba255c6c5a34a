import ApusClient
import ApusModel
import ApusTestKit
import Testing

/// What a document describes, and in what two specifications differ.
@Suite struct WantedDocumentTests {
    private static func read(_ json: JSON) -> String {
        switch WantedDocument.read(json, at: "a.yaml") {
        case .success(let document): document.workload.idText
        case .failure(let refusal): refusal.errors.joined(separator: "; ")
        }
    }

    @Test func `applications, local services and tasks are told apart`() throws {
        #expect(Self.read(exampleSpec().json) == "TEST_APP-1")
        var computation = exampleSpec()
        computation.type = .computation
        #expect(Self.read(computation.json) == "TEST_APP-1", "an application may say so of itself")
        #expect(Self.read(exampleService().json) == "TEST_SERVICE-1")
        let resources = ResourceRequirements(cores: 1, memoryMB: 64)
        let task = TaskSpec(
            sourceAppName: "BATCH",
            taskID: "T1",
            executable: Executable(url: "job:1"),
            resources: resources
        )
        #expect(Self.read(task.json) == "BATCH/T1")
        #expect(Self.read(["type": "COMPUTATION"]).contains("Task ID is mandatory"))
        #expect(Self.read([1]).isEmpty == false)
    }

    @Test func `every mistake of a document is told`() {
        let text = Self.read(["type": "SERVICE", "version": "1"])
        #expect(text.contains("Application name is mandatory") && text.contains("Executable details is required"))
    }

    @Test func `stars that stand for a secret are refused, and are left alone where they stand for none`() throws {
        func spec(_ change: (inout HTTPCallSpec) -> Void, _ isController: Bool) -> JSON {
            var call = HTTPCallSpec(scheme: .https, hostname: "config.example")
            change(&call)
            var spec = exampleSpec(env: ["password": "***"])
            spec.configs = [
                ConfigSpec(
                    localFilename: "/etc/a",
                    source: isController ? .controllerHTTPFetch(call) : .executorHTTPFetch(call)
                )
            ]
            return spec.json
        }
        let advice = "which stands for a secret that was not shown: write the secret"
        for isController in [false, true] {
            #expect(Self.read(spec({ $0.username = "u" }, isController)) == "TEST_APP-1")
            let basic = Self.read(spec({ ($0.username, $0.password) = ("***", "***") }, isController))
            #expect(
                basic == "configs[0].http.username is ***, \(advice); configs[0].http.password is ***, \(advice)"
            )
            let header = Self.read(spec({ $0.authHeader = "***" }, isController))
            #expect(header == "configs[0].http.authHeader is ***, \(advice)")
        }
    }

    @Test func `two documents of one application are one too many`() {
        let documents = ["1", "2"].map { version in
            WantedDocument(place: "\(version).yaml", workload: .application(exampleSpec(version: version)))
        }
        #expect(
            WantedDocument.doubles(in: documents) == [
                "2.yaml describes application TEST_APP, and so does 1.yaml: apply one of them"
            ]
        )
        #expect(WantedDocument.doubles(in: Array(documents.prefix(1))).isEmpty)
    }

    @Test func `each field that differs is named with its path`() {
        let old: JSON = ["a": 1, "b": ["x", "y"], "c": ["d": true], "gone": "z"]
        let new: JSON = ["a": 2, "b": ["x", "y", "w"], "c": ["d": true, "e": false]]
        #expect(
            SpecDifference.fields(from: old, to: new).map(\.text) == [
                "a: 1 -> 2", #"b[2]: "w" is new"#, "c.e: false is new", #"gone: "z" is gone"#,
            ]
        )
        #expect(SpecDifference.fields(from: old, to: old).isEmpty)
    }

    @Test func `a long value is cut`() {
        let fields = SpecDifference.fields(from: ["a": "b"], to: ["a": .string(String(repeating: "x", count: 500))])
        #expect(fields.count == 1 && fields[0].text.count < 120)
    }

    @Test(arguments: [
        ("stats", "status"), ("aply", "apply"), ("STATUS", "status"), ("palns", "plan"), ("pln", "plan"), ("xy", nil),
        ("lgos", "logs"), ("", nil),
    ])
    func `a word with few mistakes is known again`(_ word: String, _ meant: String?) {
        #expect(Spelling.closest(to: word, among: ["apply", "plan", "status", "logs"]) == meant)
    }
}
