import ApusModel
import ApusPlacement

/// The cluster's own SPREAD, for applications whose policy does not say how they are spread.
extension Engine {
    /// Holds for what is placed from now on; what runs stays where it is.
    mutating func set(_ spread: SpreadPolicy?) -> ClusterFacts {
        guard spread != state.facts.spread else { return state.facts }
        state.facts.spread = spread
        touched.insert(ClusterFacts.key)
        takeUpSpread()
        let text = spread.map { "applications are spread by \($0.json.serialized) unless they say otherwise" }
        effects.append(.note(text ?? "applications are spread only where they say so"))
        wakeWaiting()
        return state.facts
    }

    /// Tells the ledger what the facts say.
    mutating func takeUpSpread() { ledger.defaultSpread = state.facts.spread }
}
