/// A rule to be tried on facts given with it (contract §1.1).
package struct RuleDryRun: SpecPart {
    package var rule: PlacementRule
    /// What the rule sees of an executor.
    package var facts: JSON

    package init(_ reader: SpecReader) {
        let policy: PolicyPart = reader.part("ruleBasedPlacementPolicy")
        rule = policy.rule
        facts = reader.object("schedulingInfo")
    }

    package var json: JSON {
        .members(["ruleBasedPlacementPolicy": PolicyPart(rule: rule).json, "schedulingInfo": facts])
    }
}

/// A rule that need not mean anything: that is what a dry run tells.
private struct PolicyPart: SpecPart {
    var rule: PlacementRule

    init(rule: PlacementRule) { self.rule = rule }

    init(_ reader: SpecReader) { rule = PlacementRule(unchecked: reader) }

    var json: JSON { PlacementPolicy.ruleBased(rule).json }
}
