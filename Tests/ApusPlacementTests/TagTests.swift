import ApusModel
import ApusPlacement
import Testing

/// Placement by tag, and by policies combined (contract §3.5).
struct TagTests {
    private let plain = ExecutorID("e0")
    private let tagged = ExecutorID("e1")
    private let both = ExecutorID("e2")

    private var ledger: Ledger {
        var ledger = Ledger()
        for (executor, tags) in [(plain, []), (tagged, ["ssd"]), (both, ["ssd", "gpu"])] {
            let hostname = "host-\(executor.rawValue)"
            let traits = HostTraits(hostname: hostname, tags: Set([hostname] + tags))
            ledger.offer(executor, topology: .pinned(cores: [4]), traits: traits)
        }
        return ledger
    }

    /// Who takes an instance with this policy.
    private func takers(_ policy: PlacementPolicy, in ledger: Ledger? = nil) -> [ExecutorID] {
        (ledger ?? self.ledger).explain(request("a", policy: policy)).filter { $0.value == nil }.keys.sorted()
    }

    @Test func `MATCH_TAG takes executors of that tag, and the one of that hostname`() {
        #expect(takers(.matchTag("ssd")) == [tagged, both])
        #expect(takers(.matchTag("gpu")) == [both])
        #expect(takers(.matchTag("host-e0")) == [plain])
        #expect(takers(.matchTag("SSD")).isEmpty)
    }

    @Test func `NO_TAG takes executors that have no tag but their hostname`() {
        #expect(takers(.noTag) == [plain])
    }

    @Test func `COMPOSITE asks for all of its policies, or for one of them`() {
        let (ssd, gpu) = (PlacementPolicy.matchTag("ssd"), PlacementPolicy.matchTag("gpu"))
        #expect(takers(.composite(policies: [ssd, gpu], combiner: .and)) == [both])
        #expect(takers(.composite(policies: [gpu, .noTag], combiner: .or)) == [plain, both])
        let nested = PlacementPolicy.composite(policies: [.noTag, ssd], combiner: .or)
        #expect(takers(.composite(policies: [nested, .matchTag("host-e1")], combiner: .and)) == [tagged])
    }

    @Test(arguments: [PlacementPolicy.any, .onePerHost, .maxPerHost(2)])
    func `tagged executors are reserved for policies that ask what an executor is like`(policy: PlacementPolicy) {
        #expect(takers(policy) == [plain])
        #expect(takers(.composite(policies: [policy, policy], combiner: .or)) == [plain])
        #expect(takers(.composite(policies: [policy, .matchTag("ssd")], combiner: .and)) == [tagged, both])
        #expect(takers(.composite(policies: [policy, .matchTag("gpu")], combiner: .or)) == [plain, tagged, both])
        #expect(ledger.explain(request("a", policy: policy))[tagged] == .tagged)
    }

    @Test func `LOCAL takes every executor, unless a tag is asked for beside it`() {
        let local = PlacementPolicy.local(hostLevel: false)
        #expect(takers(local) == [plain, tagged, both])
        #expect(takers(.composite(policies: [local, .matchTag("gpu")], combiner: .and)) == [both])
        #expect(takers(.composite(policies: [local, .noTag], combiner: .and)) == [plain])
    }

    @Test func `COMPOSITE counts instances too`() {
        var ledger = ledger
        let policy = PlacementPolicy.composite(policies: [.matchTag("ssd"), .onePerHost], combiner: .and)
        var places: Set<ExecutorID> = []
        for name in ["a", "b"] {
            if case .placed(let executor, _) = ledger.place(request(name, policy: policy), tieBreak: 1) {
                places.insert(executor)
            }
        }
        #expect(places == [tagged, both])
        #expect(
            ledger.placed(request("c", policy: policy))
                == "0 of 3 executors fit: 2 already runs an instance of it, 1 without the tag ssd"
        )
    }

    @Test func `tags follow what the executor says now`() {
        var ledger = ledger
        ledger.offer(tagged, topology: .pinned(cores: [4]), traits: HostTraits(hostname: "host-e1"))
        #expect(takers(.noTag, in: ledger) == [plain, tagged])
    }
}
