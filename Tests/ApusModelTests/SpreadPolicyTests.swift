import ApusModel
import Testing

struct SpreadPolicyTests {
    @Test func `a spread comes back the same`() throws {
        let policies = [
            SpreadPolicy(.zone), SpreadPolicy(.host, maxSkew: 64, enforcement: .soft, scope: .version),
            SpreadPolicy(.metadata(key: "rack"), maxSkew: 2),
        ].map(PlacementPolicy.spread)
        for policy in policies { #expect(try PlacementPolicy(json: policy.json) == policy) }
    }

    @Test func `a spread that says nothing is hard, over zones, by name, with a skew of one`() throws {
        let policy = try PlacementPolicy(json: try JSON(parsing: Array(#"{"type":"SPREAD"}"#.utf8)))
        #expect(policy == .spread(SpreadPolicy(.zone, maxSkew: 1, enforcement: .hard, scope: .name)))
    }
}
