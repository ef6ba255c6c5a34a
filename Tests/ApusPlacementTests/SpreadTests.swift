import ApusModel
import ApusPlacement
import Testing

extension Ledger {
    /// Places so many and gives their zones in alphabetical order, or the refusal's text.
    fileprivate mutating func zones(_ count: Int, _ policy: PlacementPolicy, app: String = "app-1") -> String {
        var text = ""
        for number in 0..<count {
            switch place(request("\(app)-\(number)", app: app, policy: policy), tieBreak: UInt64(number)) {
            case .placed(let executor, _): text += String(executor.rawValue.prefix(1))
            case .refused(let refusal): return text + ": " + refusal.text
            }
        }
        return String(text.sorted())
    }
}

/// SPREAD over zones, hosts and metadata.
struct SpreadTests {
    /// Executors of four cores, named by their zone and a number; `-` is no zone.
    private func ledger(_ executors: String...) -> Ledger {
        var ledger = Ledger()
        for name in executors {
            let zone = name.first == "-" ? nil : name.first.map(String.init)
            let traits = HostTraits(hostname: name, zone: zone, metadata: zone.map { ["rack": "r\($0)"] } ?? [:])
            ledger.offer(ExecutorID(name), topology: .pinned(cores: [4]), traits: traits)
        }
        return ledger
    }

    private let hard = PlacementPolicy.spread(SpreadPolicy(.zone))
    private let soft = PlacementPolicy.spread(SpreadPolicy(.zone, enforcement: .soft))

    @Test func `a hard spread fills the zones evenly, however many executors each has`() {
        var ledger = ledger("a1", "b1", "b2", "b3", "c1")
        #expect(ledger.zones(9, hard) == "aaabbbccc")
    }

    @Test func `a full zone holds a hard spread back`() {
        var ledger = ledger("a1", "b1", "b2")
        #expect(ledger.placed(request("x", app: "x-1", cores: 4, policy: .matchTag("a1"))) == "a1 [0, 1, 2, 3]")
        let refusal =
            ": 0 of 3 executors fit: 2 against SPREAD: one more would be more than 1 above the least zone, 1 not enough cores"
        let outcome = ledger.zones(2, hard)
        #expect(outcome == "b" + refusal)
    }

    @Test func `a zone that is wholly gone does not hold it back`() {
        var ledger = ledger("a1", "b1", "c1")
        ledger.setAdmission(ExecutorID("a1"), .closed(.lost))
        #expect(ledger.zones(4, hard) == "bbcc")
        ledger.withdraw(ExecutorID("a1"))
        #expect(ledger.zones(2, hard, app: "app-2") == "bc")
    }

    @Test func `only zones where the rest of the policy takes an executor count`() {
        var ledger = ledger("a1", "b1")
        let tagged = HostTraits(hostname: "c1", tags: ["ssd"], zone: "c")
        ledger.offer(ExecutorID("c1"), topology: .pinned(cores: [4]), traits: tagged)
        #expect(ledger.zones(4, hard) == "aabb")
    }

    @Test func `the skew says how much more one zone may have`() {
        var ledger = ledger("a1", "b1")
        #expect(ledger.placed(request("x", app: "x-1", cores: 4, policy: .matchTag("b1"))) == "b1 [0, 1, 2, 3]")
        let three = PlacementPolicy.spread(SpreadPolicy(.zone, maxSkew: 3))
        let refusal =
            "0 of 2 executors fit: 1 against SPREAD: one more would be more than 3 above the least zone, "
            + "1 not enough cores"
        #expect(ledger.zones(4, three) == "aaa: " + refusal)
    }

    @Test func `a soft spread prefers the emptier zone and is never a reason to refuse`() {
        var ledger = ledger("a1", "b1", "-1")
        #expect(ledger.zones(6, soft) == "aaabbb")
        #expect(ledger.zones(6, soft, app: "app-2") == "----ab")
    }

    @Test func `who stands in no zone is refused by a hard spread`() {
        var ledger = ledger("-1")
        #expect(
            ledger.placed(request("a", policy: hard)) == "0 of 1 executors fit: 1 without a zone to SPREAD over"
        )
        #expect(ledger.placed(request("a", policy: soft)) == "-1 [0]")
    }

    @Test func `versions of one name are spread together, unless each is to be by itself`() {
        let byVersion = PlacementPolicy.spread(SpreadPolicy(.zone, scope: .version))
        var ledger = ledger("a1", "b1")
        let first = ledger.zones(1, hard)
        #expect(ledger.zones(1, hard, app: "app-2") != first)
        let third = ledger.zones(1, hard, app: "app-3")
        #expect(ledger.zones(1, hard, app: "app-4") != third)
        ledger.release(InstanceID("app-1-0"))
        ledger.release(InstanceID("app-2-0"))
        #expect(ledger.placed(request("x", app: "x-1", cores: 3, policy: .matchTag("b1"))).hasPrefix("b1"))
        #expect(ledger.zones(1, byVersion, app: "app-5") == "a")
        #expect(ledger.zones(1, byVersion, app: "app-6") == "a")
        #expect(ledger.zones(1, hard, app: "app-7").hasPrefix(":"))
    }

    @Test func `it holds together with the other policies of a COMPOSITE`() {
        var ledger = ledger("a1", "a2", "b1")
        let both = PlacementPolicy.composite(policies: [.onePerHost, hard], combiner: .and)
        #expect(ledger.zones(3, both) == "aab")
        #expect(ledger.placed(request("more", policy: both)).hasPrefix("0 of 3 executors fit"))
    }

    @Test func `it spreads over hosts and over metadata`() {
        var ledger = ledger("a1", "a2", "b1", "-1")
        #expect(ledger.zones(8, .spread(SpreadPolicy(.host))) == "--aaaabb")
        #expect(ledger.zones(4, .spread(SpreadPolicy(.metadata(key: "rack"))), app: "rack-1") == "aabb")
        let none = ledger.placed(request("n", app: "n-1", policy: .spread(SpreadPolicy(.metadata(key: "row")))))
        #expect(none == "0 of 4 executors fit: 4 without a metadata row to SPREAD over")
    }

    @Test func `the cluster's own spread holds where a policy says nothing of it`() {
        var ledger = ledger("a1", "b1", "b2", "b3")
        ledger.defaultSpread = SpreadPolicy(.zone)
        #expect(ledger.zones(4, .any) == "aabb")
        #expect(ledger.zones(2, .maxPerHost(3), app: "max-1") == "ab")
        #expect(ledger.zones(4, .spread(SpreadPolicy(.host)), app: "host-1") == "abbb")
        #expect(ledger.zones(4, .local(hostLevel: false), app: "local-1") == "bbbb")
    }

    @Test func `an executor that moves takes its instances along`() {
        var ledger = ledger("a1", "b1")
        #expect(ledger.zones(2, hard) == "ab")
        ledger.offer(ExecutorID("b1"), topology: .pinned(cores: [4]), traits: HostTraits(hostname: "b1", zone: "a"))
        ledger.offer(ExecutorID("c1"), topology: .pinned(cores: [4]), traits: HostTraits(hostname: "c1", zone: "c"))
        #expect(ledger.placed(request("x", policy: hard)) == "c1 [0]")
        #expect(ledger.placed(request("y", policy: hard)) == "c1 [1]")
    }

    @Test func `what is to go counts for no zone while its successor is placed, and counts again afterwards`() {
        var ledger = ledger("a1", "b1", "c1")
        #expect(ledger.zones(3, hard) == "abc")
        let old = (0..<3).map { InstanceID("app-1-\($0)") }
        var zones = ""
        for number in 3..<6 {
            let request = request("app-1-\(number)", app: "app-1", policy: hard)
            guard case .placed(let executor, _) = ledger.place(request, tieBreak: 0, notCounting: old) else { break }
            zones += executor.rawValue.prefix(1)
        }
        #expect(String(zones.sorted()) == "abc")
        for id in old { ledger.release(id) }
        #expect(ledger.explain(request("x", app: "app-1", policy: hard)).values.allSatisfy { $0 == nil })
    }
}
