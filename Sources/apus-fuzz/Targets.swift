import ApusClient
import ApusContainers
import ApusController
import ApusModel
import ApusPlacement

extension FuzzTarget {
    /// Every decoder, and what takes in what they have read; `api` answers requests.
    static func all(corpus: Corpus, api: API) async throws -> [FuzzTarget] {
        let decoders =
            texts(corpus) + specifications(corpus) + messages(corpus) + records(corpus) + exports()
            + engineAnswers(corpus)
            + logs() + files(corpus) + calls(corpus) + (try await logins())
        return decoders + [requests(corpus, to: api)] + (try cores(corpus))
    }

    /// Small languages.
    private static func texts(_ corpus: Corpus) -> [FuzzTarget] {
        let hostile = corpus.hostile.filter { $0.contains("{") }.prefix(64).map { line in
            String(line.drop { $0 != "{" })
        }
        return [
            text(
                "json",
                [Samples.facts, Samples.application, #"[-0.0,1e5,1E-7,"\ud83d\ude00\u0000\/",null]"#] + hostile,
                read: { try JSON(parsing: $0) },
                write: \.bytes,
                isSame: { $0 == $1 }
            ),
            text(
                "duration",
                ["30 seconds", "1d", " 5 minutes ", "9223372036854775807 ns"],
                read: { bytes in
                    let text = try DurationText(parsing: String(decoding: bytes, as: UTF8.self))
                    // What is far too long ends at the end of time.
                    _ = Moment.zero + text.duration
                    return text
                },
                write: { Array($0.text.utf8) },
                isSame: { $0 == $1 }
            ),
            json("share", corpus, [Samples.share, #""7%""#], read: { try CapacityShare(json: $0) }, write: \.json),
            once("rule", Samples.rules) { bytes in
                let rule = PlacementRule(String(decoding: bytes, as: UTF8.self))
                return try judged(rule, by: try JSON(parsing: Samples.facts))
            },
            once("base", ["AAECAwQ=", "AP8HCQ==", ""]) { bytes in
                guard Base64.decoded(Base64.encoded(bytes)) == bytes else { throw Broken("encoded, it is another") }
                return Base64.decoded(String(decoding: bytes, as: UTF8.self)) != nil
            },
            once("names", ["JOBS/T1", "10.1.2.3:80", "[fd00::1]:80", "https://a:1", "a.example:5000/b/c:1", "1-7"]) {
                try isName(String(decoding: $0, as: UTF8.self))
            },
        ]
    }

    /// Users' specifications and what is asked of them.
    private static func specifications(_ corpus: Corpus) -> [FuzzTarget] {
        [
            part("application", corpus, [Samples.application], ApplicationSpec.self),
            part("task", corpus, [Samples.task], TaskSpec.self),
            part("local-service", corpus, [Samples.service], LocalServiceSpec.self),
            part("application-operation", corpus, Samples.applicationOperations, ApplicationOperation.self),
            part("local-service-operation", corpus, Samples.serviceOperations, LocalServiceOperation.self),
            part("task-operation", corpus, Samples.taskOperations, TaskOperation.self),
            part("default-spread", corpus, [#"{"type":"NONE"}"#], DefaultSpread.self),
            // As a record is read, with rules that were others.
            json(
                "recorded-application",
                corpus,
                [Samples.application],
                read: { try ApplicationSpec(json: $0) },
                write: \.json
            ),
            json("recorded-task", corpus, [Samples.task], read: { try TaskSpec(json: $0) }, write: \.json),
            json(
                "recorded-service",
                corpus,
                [Samples.service],
                read: { try LocalServiceSpec(json: $0) },
                write: \.json
            ),
            // Its policy may replace that of the specification, so it is not written as it was read.
            once("placement-question", corpus, [#"{"spec":\#(Samples.application),"numInstances":3}"#]) { json in
                _ = try PlacementQuestion.validated(json).get()
            },
            once("rule-dry-run", corpus, [ruleDryRun]) { json in
                let dryRun = try RuleDryRun.validated(json).get()
                _ = try judged(dryRun.rule, by: dryRun.facts)
            },
        ]
    }

    private static let ruleDryRun = """
        {"ruleBasedPlacementPolicy":{"type":"RULE_BASED","rule":"'/zone' == 'abc'","ruleType":"HOPE"},\
        "schedulingInfo":\(Samples.facts)}
        """

    private static func judged(_ rule: PlacementRule, by facts: JSON) throws -> Bool {
        // What it says is its own; that it says something is all.
        _ = try RuleEvaluation(facts).accepts(rule)
        return true
    }

    private static func isName(_ text: String) throws -> Bool {
        if let task = TaskID(rawValue: text), TaskID(rawValue: task.rawValue) != task {
            throw Broken("\(task) is another task")
        }
        let address: NodeAddress?
        do {
            address = try NodeAddress(text)
        } catch {
            address = nil
        }
        if let address, try NodeAddress("\(address)") != address { throw Broken("\(address) is another address") }
        guard address == nil, FetchTarget(text) == nil, EventPosition(text) == nil else { return true }
        // Whatever the text is, it has one.
        guard !ImageReference(text).registry.isEmpty else { throw Broken("an image of no registry") }
        return try !NodeURL(text).host.isEmpty
    }
}
