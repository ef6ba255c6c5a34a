import ApusEngine
import ApusModel
import HashTreeCollections

/// What instances ask from inside their containers (contract §1.8): who else there is of them.
extension Handling {
    private static let found: Set<InstanceState> = [.unready, .ready, .healthy]

    func instancesOfCaller() throws(APIRefusal) -> APIAnswer {
        guard case .token(let claim) = principal.proof else {
            throw .notFound("This api is applicable for calls by app instances from inside the cluster only")
        }
        guard let caller = state.instance(of: claim) else {
            throw .notFound(
                "Please send valid token for you app instance. The token value is available in the "
                    + "DROVE_APP_INSTANCE_AUTH_TOKEN environment variable"
            )
        }
        let asked = try call.states()
        let wanted = asked.isEmpty ? Self.found : asked
        let all = try siblings(of: caller, ofAnyVersion: call.flag("forApp"))
        return .success(.array(all.filter { wanted.contains($0.state) }.sorted { $0.id < $1.id }.map(\.json)))
    }

    /// Those of the same application or local service, or of all versions of it.
    private func siblings(of caller: Instance, ofAnyVersion: Bool) -> [InstanceView] {
        switch caller.owner {
        case .application(let id):
            guard let name = state.applications[id]?.spec.name else { return [] }
            let versions = state.applications.values.filter { $0.spec.name == name }.map(\.id)
            return (ofAnyVersion ? versions : [id]).flatMap { version in
                allInstances(state.instances(of: version), endedOf: .application(version), name: name)
            }
        case .localService(let id):
            guard let name = state.localServices[id]?.spec.service.name else { return [] }
            let versions = state.localServices.values.filter { $0.spec.service.name == name }.map(\.id)
            return (ofAnyVersion ? versions : [id]).flatMap { version in
                allInstances(state.instances(of: version), endedOf: .localService(version), name: name)
            }
        case .task: return []
        }
    }
}
