import ApusClient
import Testing

/// Which of the four places says what a setting is.
@Suite struct EffectiveSettingsTests {
    private static let options = [
        SettingOption("address", .value, standard: "127.0.0.1:1"), SettingOption("zone", .value),
        SettingOption("tag", .list(ofPairs: false)), SettingOption("metadata", .list(ofPairs: true)),
        SettingOption("pinned", .flag),
    ]

    private func settings(
        _ file: [WrittenSetting] = [],
        environment: [String: String] = [:],
        _ words: String...
    ) throws -> EffectiveSettings {
        let substitution = Substitution(environment: environment, host: "node1") { path in
            ["/secret": Array("s3cret value".utf8), "/word": Array("s3cret".utf8)][path]
        }
        var sources = EffectiveSettings.Sources(environment: environment, prefix: "APUS_X_", substitution: substitution)
        (sources.path, sources.file) = ("x.yaml", file)
        return try EffectiveSettings(Self.options, words: words, sources: sources)
    }

    private func line(_ number: Int, _ name: String, _ value: String) -> WrittenSetting {
        WrittenSetting(name, line: number, .text(value))
    }

    private func told(_ settings: EffectiveSettings, _ name: String) throws -> String {
        let setting = try #require(settings.all.first { $0.option.name == name })
        return setting.texts.map(\.value).joined(separator: " ") + " by \(setting.origin)"
    }

    @Test func `the command line goes before the environment, the file after it, the default last`() throws {
        let file = [line(1, "address", "file:1"), line(2, "zone", "z")]
        let variables = ["APUS_X_ADDRESS": "env:1", "APUS_X_ZONE": ""]
        let all = try settings(file, environment: variables, "--address", "line:1")
        #expect(try told(all, "address") == "line:1 by command line")
        #expect(all.arguments == ["--zone=z", "--address", "line:1"])
        let both = try settings(file, environment: variables)
        #expect(try told(both, "address") == "env:1 by $APUS_X_ADDRESS")
        #expect(try told(both, "zone") == "z by x.yaml:2", "an empty variable says nothing")
        #expect(try told(try settings(file), "address") == "file:1 by x.yaml:1")
        let none = try settings()
        #expect(try told(none, "address") == "127.0.0.1:1 by default" && none.arguments.isEmpty)
        #expect(try told(none, "pinned") == "false by default" && told(none, "zone") == " by default")
    }

    @Test func `what may be repeated comes whole from one place`() throws {
        let file = [
            WrittenSetting("tag", line: 1, .list(["a", "-b"])),
            WrittenSetting("metadata", line: 2, .pairs([.init("rack", "r=1"), .init("zone", "${env:NONE:-}")])),
        ]
        #expect(try settings(file).arguments == ["--tag=a", "--tag=-b", "--metadata=rack=r=1"])
        let variables = ["APUS_X_TAG": #"["c","d"]"#, "APUS_X_METADATA": "a=[b]"]
        #expect(try settings(file, environment: variables).arguments == ["--tag=c", "--tag=d", "--metadata=a=[b]"])
        let given = try settings(file, "--tag", "e", "--tag=f")
        #expect(try told(given, "tag") == "e f by command line")
        #expect(try settings([line(1, "tag", "one")]).arguments == ["--tag=one"])
    }

    @Test func `a flag is true or false, whoever says so`() throws {
        #expect(try settings([line(1, "pinned", "True")]).arguments == ["--pinned"])
        #expect(try settings([line(1, "pinned", "true")], environment: ["APUS_X_PINNED": "false"]).arguments.isEmpty)
        #expect(try told(try settings([line(1, "pinned", "false")], "--pinned"), "pinned") == "true by command line")
        #expect(try settings([line(1, "pinned", "${env:NONE:-}")]).arguments.isEmpty)
        #expect { try settings([line(3, "pinned", "yes")]) } throws: {
            "\($0)" == "x.yaml:3: pinned must be true or false, not yes"
        }
        #expect { try settings(environment: ["APUS_X_PINNED": "1"]) } throws: {
            "\($0)" == "$APUS_X_PINNED must be true or false, not 1"
        }
    }

    @Test func `what the file cannot mean is refused with its line`() {
        let cases: [(WrittenSetting, String)] = [
            (line(2, "adress", "a"), "x.yaml:2: adress is no setting here; did you mean address?"),
            (line(2, "nothing-like-it", "a"), "x.yaml:2: nothing-like-it is no setting here"),
            (WrittenSetting("zone", line: 4, .list(["a"])), "x.yaml:4: zone must be one value"),
            (WrittenSetting("tag", line: 4, .pairs([.init("a", "b")])), "x.yaml:4: tag must be a value or a list"),
            (line(5, "zone", "${env:NONE}"), "x.yaml:5: zone: the environment has no NONE"),
        ]
        for (entry, reason) in cases {
            #expect { try settings([entry]) } throws: { "\($0)".hasPrefix(reason) }
        }
    }

    @Test func `a variable that is no setting is told and changes nothing`() throws {
        let variables = ["APUS_X_ADRESS": "a", "APUS_X_CONFIG": "x.yaml", "APUS_Y_ADDRESS": "b"]
        let settings = try settings(environment: variables)
        #expect(
            settings.strangers == [
                "APUS_X_ADRESS is no setting and changes nothing; did you mean APUS_X_ADDRESS?"
            ]
        )
        #expect(settings.arguments.isEmpty)
    }

    @Test func `a message names who said it, and not what a file holds`() throws {
        let settings = try settings([line(7, "zone", "${file:/secret}")], "--address", "a")
        let message = "--zone must have no spaces, not \"s3cret value\"; see --address and --zone-env"
        #expect(
            settings.explained(message, naming: message) == """
                --zone must have no spaces, not "${file:/secret}"; see --address and --zone-env
                --zone is set by x.yaml:7
                """
        )
        let both = try self.settings([line(1, "address", "${file:/word}"), line(2, "zone", "${file:/secret}")])
        #expect(both.explained("not s3cret value", naming: "") == "not ${file:/secret}")
        #expect(settings.explained("--zone-env is odd", naming: "--zone-env is odd") == "--zone-env is odd")
    }

    @Test func `settings are compared by what they come to`() throws {
        let old = try settings([line(1, "zone", "a"), line(2, "tag", "t")])
        let new = try settings([line(1, "tag", "t"), line(2, "zone", "b"), line(3, "address", "127.0.0.1:1")])
        #expect(old.changes(in: new) == ["zone"], "what is said and what holds anyway are the same")
        #expect(old.taking(["zone"], from: new).changes(in: new).isEmpty)
        #expect(old.taking(["tag"], from: new).changes(in: new) == ["zone"])
    }
}
