/// Where instances may be placed (contract §3.5).
package indirect enum PlacementPolicy: SpecPart {
    /// The language of a rule.
    package enum RuleType: String, Sendable, CaseIterable {
        case hope = "HOPE"
        case mvel = "MVEL"
    }
    /// Whether all policies must accept an executor, or one of them.
    package enum Combiner: String, Sendable, CaseIterable {
        case and = "AND"
        case or = "OR"
    }
    package static let mostPerHost = 64

    case any
    case onePerHost
    /// 1 to `mostPerHost`.
    case maxPerHost(Int)
    case matchTag(String)
    case noTag
    case ruleBased(PlacementRule)
    case composite(policies: [PlacementPolicy], combiner: Combiner)
    /// Of local services only.
    case local(hostLevel: Bool)
    case spread(SpreadPolicy)

    /// The discriminator on the wire.
    package var typeName: String {
        switch self {
        case .any: "ANY"
        case .onePerHost: "ONE_PER_HOST"
        case .maxPerHost: "MAX_N_PER_HOST"
        case .matchTag: "MATCH_TAG"
        case .noTag: "NO_TAG"
        case .ruleBased: "RULE_BASED"
        case .composite: "COMPOSITE"
        case .local: "LOCAL"
        case .spread: "SPREAD"
        }
    }

    private static let typeNames = [
        "ANY", "ONE_PER_HOST", "MAX_N_PER_HOST", "MATCH_TAG", "NO_TAG", "RULE_BASED", "COMPOSITE", "LOCAL", "SPREAD",
    ]

    package init(_ reader: SpecReader) {
        switch reader.kind(Self.typeNames) {
        case "ONE_PER_HOST": self = .onePerHost
        case "MAX_N_PER_HOST":
            self = .maxPerHost(
                Int(
                    reader.integer(
                        "max",
                        in: 1...Int64(Self.mostPerHost),
                        low: "- Min one hose needs to be specified",
                        high: "- Maximum 64 containers can be specified per host"
                    )
                )
            )
        case "MATCH_TAG": self = .matchTag(reader.string("tag", required: "- Tag is mandatory"))
        case "NO_TAG": self = .noTag
        case "RULE_BASED":
            self = .ruleBased(PlacementRule(reader))
        case "COMPOSITE":
            self = .composite(
                policies: reader.parts("policies", required: "- Specify one or more policies to combine"),
                combiner: reader.choice("combiner") ?? .and
            )
        case "LOCAL": self = .local(hostLevel: reader.bool("hostLevel"))
        case "SPREAD": self = .spread(SpreadPolicy(reader))
        default: self = .any
        }
    }

    package var json: JSON {
        let type = JSON.string(typeName)
        return switch self {
        case .any, .onePerHost, .noTag: .members(["type": type])
        case .maxPerHost(let max): .members(["type": type, "max": .integer(Int64(max))])
        case .matchTag(let tag): .members(["type": type, "tag": .string(tag)])
        case .ruleBased(let rule):
            .members(["type": type, "rule": .string(rule.text), "ruleType": .string(rule.type.rawValue)])
        case .composite(let policies, let combiner):
            .members([
                "type": type, "policies": .array(policies.map(\.json)), "combiner": .string(combiner.rawValue),
            ])
        case .local(let hostLevel): .members(["type": type, "hostLevel": .bool(hostLevel)])
        case .spread(let spread): spread.json
        }
    }

    /// LOCAL stands somewhere in the tree.
    var containsLocal: Bool {
        switch self {
        case .local: true
        case .composite(let policies, _): policies.contains(where: \.containsLocal)
        case .any, .onePerHost, .maxPerHost, .matchTag, .noTag, .ruleBased, .spread: false
        }
    }

    /// Where SPREAD stands in the tree.
    var spreads: [SpreadPolicy] {
        switch self {
        case .spread(let spread): [spread]
        case .composite(let policies, _): policies.flatMap(\.spreads)
        case .any, .onePerHost, .maxPerHost, .matchTag, .noTag, .ruleBased, .local: []
        }
    }

    /// SPREAD stands among policies of which one is enough.
    var spreadsByChoice: Bool {
        switch self {
        case .composite(let policies, .or): policies.contains { !$0.spreads.isEmpty }
        case .composite(let policies, .and): policies.contains(where: \.spreadsByChoice)
        case .any, .onePerHost, .maxPerHost, .matchTag, .noTag, .ruleBased, .local, .spread: false
        }
    }

    /// 1 for a policy without parts.
    var depth: Int {
        guard case .composite(let policies, _) = self else { return 1 }
        return 1 + (policies.map(\.depth).max() ?? 0)
    }
}
