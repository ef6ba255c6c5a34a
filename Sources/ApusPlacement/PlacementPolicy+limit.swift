package import ApusModel

extension PlacementPolicy {
    /// How many instances such an executor may have, whatever it can hold: 0 where none may go; `environment` is that
    /// of the specification.
    package func limit(on executor: ExecutorID, _ traits: HostTraits, environment: [String: String]) -> Int {
        limit(on: PolicyHost(executor: executor, traits: traits, environment: environment))
    }
}
