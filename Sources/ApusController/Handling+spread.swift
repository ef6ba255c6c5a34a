import ApusEngine
import ApusModel

/// The cluster's own SPREAD, which an administrator sets.
extension Handling {
    func defaultSpread() -> APIAnswer { .success(DefaultSpread(state.facts.spread).json) }

    func setDefaultSpread() async throws(APIRefusal) -> APIAnswer {
        let wanted: DefaultSpread
        switch DefaultSpread.validated(try call.json()) {
        case .success(let valid): wanted = valid
        case .failure(let refusal): throw .spec(refusal)
        }
        return await change(.cluster(.setSpread(wanted.policy)), accepted: .success(wanted.json))
    }
}
