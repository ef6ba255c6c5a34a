import ApusModel
import Testing

/// Where SPREAD may stand in a placement policy, and how.
struct SpreadRuleTests {
    private let spread: JSON = ["type": "SPREAD"]

    private func violations(_ policy: JSON) -> [String] {
        let spec = fullSpec().json.with("placementPolicy", policy)
        guard case .failure(let refusal) = ApplicationSpec.validated(spec) else { return [] }
        return refusal.errors
    }

    private func composite(_ combiner: String, _ policies: JSON...) -> JSON {
        ["type": "COMPOSITE", "combiner": .string(combiner), "policies": .array(policies)]
    }

    @Test func `SPREAD stands alone or beside other policies that must all hold`() throws {
        #expect(violations(spread).isEmpty)
        #expect(violations(["type": "SPREAD", "over": "metadata", "key": "rack", "maxSkew": 64]).isEmpty)
        #expect(violations(composite("AND", spread, ["type": "NO_TAG"])).isEmpty)
        let either = composite("OR", ["type": "NO_TAG"], ["type": "ONE_PER_HOST"])
        #expect(violations(composite("AND", composite("AND", spread), either)).isEmpty)
        #expect(violations(composite("AND", spread, ["type": "SPREAD", "over": "HOST"])).isEmpty)
    }

    @Test func `SPREAD as one of several choices is refused, and too many of them`() throws {
        let text =
            "placementPolicy SPREAD cannot be one of the policies of a COMPOSITE with OR: what is spread is spread "
            + "wherever it goes. Put it beside the others in a COMPOSITE with AND"
        #expect(violations(composite("OR", spread, ["type": "NO_TAG"])) == [text])
        #expect(violations(composite("AND", composite("OR", ["type": "ANY"], composite("AND", spread)))) == [text])
        #expect(
            violations(composite("AND", spread, spread, spread, spread, spread))
                == ["placementPolicy SPREAD may stand in it 4 times, not 5 times"]
        )
    }

    @Test func `the skew and the key of SPREAD have bounds`() throws {
        #expect(
            violations(["type": "SPREAD", "maxSkew": 65])
                == ["placementPolicy.maxSkew must be less than or equal to 64"]
        )
        #expect(
            violations(["type": "SPREAD", "maxSkew": 0])
                == ["placementPolicy.maxSkew must be greater than or equal to 1"]
        )
        #expect(
            violations(["type": "SPREAD", "over": "METADATA"])
                == ["placementPolicy.key - Name the metadata key to spread over"]
        )
    }
}
