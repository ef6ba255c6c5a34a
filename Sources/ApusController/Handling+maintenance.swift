import ApusEngine
import ApusModel

/// Maintenance of the whole cluster (contract §0.4, §1.4).
extension Handling {
    func beginMaintenance() async throws(APIRefusal) -> APIAnswer { try await set(.maintenance) }
    func endMaintenance() async throws(APIRefusal) -> APIAnswer { try await set(.normal) }

    private func set(_ mode: ClusterFacts.Mode) async throws(APIRefusal) -> APIAnswer {
        // Nothing is wanted in the body; one that is broken is a mistake.
        _ = try call.json()
        return await change(.cluster(.setMode(mode))) { outcome in
            guard case .cluster(.facts(let facts)) = outcome else {
                return .failed(500, "Could not change cluster state")
            }
            return .success(.members(["state": .string(facts.mode.rawValue), "updated": facts.changed.json]))
        }
    }

    /// Drove validates nothing while the cluster is in maintenance.
    func refuseInMaintenance() throws(APIRefusal) {
        guard state.facts.mode == .maintenance else { return }
        throw .spec(.violations([ClusterFacts.maintenanceText]))
    }
}
