import ApusClient
import ApusModel
import ApusTestKit
import Testing

/// What applying changes is decided from the documents and from what the cluster has.
@Suite struct ApplyPlanTests {
    private static func version(
        _ spec: ApplicationSpec,
        expected: Int = 3,
        healthy: Int? = nil,
        share: CapacityShare? = nil,
        operation: String? = nil,
        created: Int64 = 1
    ) -> ClusterHoldings.Version {
        ClusterHoldings.Version(
            id: spec.id,
            name: spec.name,
            expected: expected,
            healthy: healthy ?? expected,
            share: share,
            operation: operation,
            created: WallTime(milliseconds: created),
            spec: spec.masked
        )
    }

    private static func web(_ version: String = "1", greeting: String = "hello") -> ApplicationSpec {
        exampleSpec(name: "WEB", version: version, env: ["GREETING": greeting])
    }

    private static func entry(
        _ spec: ApplicationSpec,
        on versions: [ClusterHoldings.Version] = [],
        instances: InstanceCount? = nil
    ) throws -> ApplyPlan.Entry {
        try entry(.application(spec), on: ClusterHoldings(versions: versions), instances: instances)
    }

    private static func entry(
        _ workload: Workload,
        on holdings: ClusterHoldings,
        instances: InstanceCount? = nil
    ) throws -> ApplyPlan.Entry {
        let document = WantedDocument(place: "web.yaml", workload: workload)
        let plan = ApplyPlan([document], on: holdings, instances: instances)
        return try #require(plan.entries.first)
    }

    @Test func `an application that is not there is created, with one instance unless more are asked for`() throws {
        #expect(try Self.entry(Self.web()).step == .create(.number(1)))
        let many = try Self.entry(Self.web(), instances: .number(40))
        #expect(many.step == .create(.number(40)))
        #expect(many.newcomers(parallelism: 1) == 40)
        let suspended = Self.version(Self.web(), expected: 0)
        let next = try Self.entry(Self.web("2", greeting: "hallo"), on: [suspended])
        #expect(next.step == .create(.number(1)), "nothing runs that it could take the place of")
    }

    @Test func `a new version takes the place of the newest that runs, with as many instances`() throws {
        let versions = [
            Self.version(Self.web("0"), expected: 0, created: 9), Self.version(Self.web("2"), expected: 4, created: 2),
            Self.version(Self.web("1"), expected: 1, created: 1),
        ]
        let entry = try Self.entry(Self.web("3", greeting: "hallo"), on: versions)
        #expect(entry.step == .rollOut(from: AppID("WEB-2"), .number(4), isNew: true))
        #expect(entry.fields.map(\.text) == [#"env.GREETING: "hello" -> "hallo""#])
        #expect(entry.remarks == ["WEB-1 has instances too: apus apps suspend WEB-1"])
        #expect(entry.newcomers(parallelism: 2) == 2, "the later rounds take the room of the old")
        let more = try Self.entry(Self.web("3"), on: versions, instances: .number(6))
        #expect(more.step == .rollOut(from: AppID("WEB-2"), .number(6), isNew: true))
    }

    @Test func `what is there as it is wanted is left alone`() throws {
        let there = Self.version(Self.web())
        #expect(try Self.entry(Self.web(), on: [there]).step == .keep)
        #expect(try Self.entry(Self.web(), on: [there], instances: .number(3)).step == .keep)
        let scaled = try Self.entry(Self.web(), on: [there], instances: .number(5))
        #expect(scaled.step == .scale(from: 3, to: .number(5)))
        #expect(scaled.newcomers(parallelism: 1) == 2)
    }

    @Test func `what is not healthy is waited for`() throws {
        let entry = try Self.entry(Self.web(), on: [Self.version(Self.web(), healthy: 1)])
        #expect(entry.step == .scale(from: 3, to: .number(3)))
        #expect(entry.remarks == ["1 of 3 are healthy"])
        #expect(entry.newcomers(parallelism: 1) == 0)
    }

    @Test func `what is suspended stays so unless instances are asked for`() throws {
        let there = Self.version(Self.web(), expected: 0)
        let kept = try Self.entry(Self.web(), on: [there])
        #expect(kept.step == .keep)
        #expect(kept.remarks == ["it is suspended: --instances starts it"])
        let started = try Self.entry(Self.web(), on: [there], instances: .number(2))
        #expect(started.step == .scale(from: 0, to: .number(2)))
    }

    @Test func `a change under the same version is a revision, which is found again`() throws {
        let (old, changed) = (Self.web(), Self.web(greeting: "hallo"))
        let first = try Self.entry(changed, on: [Self.version(old)])
        #expect(first.workload.idText == "WEB-1-r2")
        #expect(first.step == .rollOut(from: AppID("WEB-1"), .number(3), isNew: true))

        let revision = Self.web("1-r2", greeting: "hallo")
        let after = [Self.version(old, expected: 0), Self.version(revision, created: 2)]
        let again = try Self.entry(changed, on: after)
        #expect(again.workload.idText == "WEB-1-r2")
        #expect(again.step == .keep)

        let back = try Self.entry(old, on: after)
        #expect(back.workload.idText == "WEB-1")
        #expect(back.step == .rollOut(from: AppID("WEB-1-r2"), .number(3), isNew: false))

        let third = try Self.entry(Self.web(greeting: "salut"), on: after)
        #expect(third.workload.idText == "WEB-1-r3")
        #expect(third.step == .rollOut(from: AppID("WEB-1-r2"), .number(3), isNew: true))
    }

    @Test func `a version that only looks like a revision is none`() throws {
        for other in ["1-r1", "1-r02", "1-rx", "1-r2-beta", "11"] {
            let entry = try Self.entry(
                Self.web(greeting: "hallo"),
                on: [
                    Self.version(Self.web()), Self.version(Self.web(other, greeting: "hallo"), expected: 0),
                ]
            )
            #expect(entry.workload.idText == "WEB-1-r2", "beside WEB-\(other)")
        }
    }

    @Test func `a share goes over to the new version`() throws {
        let share = try CapacityShare(parsing: "7%")
        let entry = try Self.entry(Self.web("2"), on: [Self.version(Self.web(), share: share)])
        #expect(entry.step == .rollOut(from: AppID("WEB-1"), .share(share), isNew: true))
        #expect(try Self.entry(Self.web(), on: [Self.version(Self.web(), share: share)]).step == .keep)
    }

    @Test func `a rollout that was stopped half way is gone on with, and no instance is lost`() throws {
        let versions = [
            Self.version(Self.web("1"), expected: 2, created: 1), Self.version(Self.web("2"), expected: 1, created: 2),
        ]
        let entry = try Self.entry(Self.web("2"), on: versions)
        #expect(entry.step == .rollOut(from: AppID("WEB-1"), .number(3), isNew: false))
    }

    @Test func `a beginning that does not come to its end gives way to the corrected file, or is waited for`() throws {
        let beginning = Self.version(Self.web(), healthy: 0, operation: "CREATE")
        let corrected = try Self.entry(Self.web(greeting: "hallo"), on: [beginning])
        #expect(corrected.workload.idText == "WEB-1-r2")
        #expect(corrected.step == .rollOut(from: AppID("WEB-1"), .number(3), isNew: true))
        #expect(try Self.entry(Self.web(), on: [beginning]).step == .scale(from: 3, to: .number(3)))
        let almost = Self.version(Self.web(), operation: "CREATE")
        #expect(try Self.entry(Self.web(), on: [almost]).step == .scale(from: 3, to: .number(3)))
    }

    @Test func `what cannot be applied is refused with what to do`() throws {
        func refusal(_ entry: ApplyPlan.Entry) -> String {
            if case .refuse(let reason) = entry.step { reason } else { "not refused: \(entry.step)" }
        }
        let busy = try Self.entry(Self.web("2"), on: [Self.version(Self.web(), operation: "SCALE")])
        #expect(refusal(busy) == "WEB-1 has an operation under way, SCALE. Wait, or: apus apps cancel WEB-1")
        let none = try Self.entry(Self.web("2"), on: [Self.version(Self.web())], instances: .number(0))
        #expect(refusal(none).hasPrefix("WEB-1 runs, and nothing takes its place with 0 instances"))
        let homonym = Self.version(exampleSpec(name: "WEB-1", version: "2"))
        let doubled = try Self.entry(exampleSpec(name: "WEB", version: "1-2"), on: [homonym])
        #expect(refusal(doubled).hasPrefix("WEB-1-2 is a version of WEB-1"))
        let long = Self.web(String(repeating: "x", count: SpecLimits.longestID - 4))
        var changed = long
        changed.env["GREETING"] = "hallo"
        #expect(refusal(try Self.entry(changed, on: [Self.version(long)])).contains("choose a shorter version"))
        let plan = ApplyPlan(
            [WantedDocument(place: "a.yaml", workload: .application(Self.web("2")))],
            on: ClusterHoldings(versions: [Self.version(Self.web(), operation: "SCALE")])
        )
        #expect(plan.refusals.count == 1 && plan.refusals[0].hasPrefix("a.yaml: WEB-1 has an operation"))
    }

    @Test func `that secrets and inline files cannot be compared is said, and they are not shown`() throws {
        var (old, new) = (Self.web(), Self.web())
        old.configs = [ConfigSpec(localFilename: "/etc/a", source: .inline(data: Array("old-secret".utf8)))]
        new.configs = [ConfigSpec(localFilename: "/etc/a", source: .inline(data: Array("new-secret".utf8)))]
        let kept = try Self.entry(new, on: [Self.version(old)])
        #expect(kept.step == .keep)
        #expect(kept.remarks.contains { $0.contains("cannot be compared") })
        new.version = "2"
        new.env["GREETING"] = "hallo"
        let changed = try Self.entry(new, on: [Self.version(old)])
        #expect(changed.fields.map(\.path) == ["env.GREETING"])
    }

    @Test func `a local service is created and activated, and never replaced in place`() throws {
        let spec = exampleService()
        func there(_ activation: String, _ spec: LocalServiceSpec) -> ClusterHoldings {
            let name = spec.service.name
            return ClusterHoldings(services: [
                ClusterHoldings.Service(id: spec.id, name: name, activation: activation, spec: spec.masked)
            ])
        }
        func entry(_ holdings: ClusterHoldings) throws -> ApplyPlan.Entry {
            try Self.entry(.localService(spec), on: holdings)
        }
        #expect(try entry(ClusterHoldings()).step == .activate(isNew: true))
        #expect(try entry(there("INACTIVE", spec)).step == .activate(isNew: false))
        #expect(try entry(there("ACTIVE", spec)).step == .keep)
        let other = try entry(there("ACTIVE", exampleService(memoryMB: 64)))
        #expect(other.fields.map(\.path) == ["resources[1].sizeInMB"])
        guard case .refuse(let reason) = other.step else { throw Unfulfilled("\(other.step)") }
        #expect(reason.contains("Give this one a new version"))
        let older = try entry(there("ACTIVE", exampleService(version: "0")))
        #expect(older.step == .activate(isNew: true))
        #expect(older.remarks.first?.hasSuffix("apus localservices deactivate TEST_SERVICE-0") == true)
    }

    @Test func `a task is run once`() throws {
        let resources = ResourceRequirements(cores: 1, memoryMB: 64)
        let spec = TaskSpec(
            sourceAppName: "BATCH",
            taskID: "T1",
            executable: Executable(url: "job:1"),
            resources: resources
        )
        #expect(try Self.entry(.task(spec), on: ClusterHoldings()).step == .run)
        let there = try Self.entry(.task(spec), on: ClusterHoldings(tasks: [spec.id: "STOPPED"]))
        #expect(there.step == .keep)
        #expect(there.remarks == ["it is STOPPED, and a task runs once. To run it again: apus tasks delete BATCH/T1"])
    }
}
