import ApusEngine
import ApusModel
import ApusStore

/// The controllers: who leads, who stands by, who is absent; hand-over.
extension Handling {
    func controllers() async throws(APIRefusal) -> APIAnswer {
        .success(.array(try await presences().map(view)))
    }

    private func presences() async throws(APIRefusal) -> [ControllerPresence] {
        do throws(StoreError) {
            return try await api.peers.all()
        } catch {
            throw .unavailable("The controllers are not known now: \(error)")
        }
    }

    private func view(_ presence: ControllerPresence) -> JSON {
        let card = Peers.card(of: presence)
        let state = !presence.isPresent ? "ABSENT" : presence.id == api.leader ? "LEADER" : "STANDBY"
        return .members([
            "controllerId": .string(presence.id), "hostname": card.map { .string($0.hostname) },
            "port": card.map { .integer(Int64($0.port)) },
            "transportType": card.map { .string($0.isEncrypted ? "HTTPS" : "HTTP") },
            "version": card.map { .string($0.version) }, "state": .string(state),
            "since": presence.isPresent ? card?.since.json : nil, "lastSeen": presence.lastSeen.json,
        ])
    }

    /// To the controller that `to` names, or else to any.
    func handOver() async throws(APIRefusal) -> APIAnswer {
        let successor = call.values("to").last
        let others = try await presences().filter { $0.isPresent && $0.id != api.leader }
        guard !others.isEmpty else { throw .refused("No other controller stands by") }
        guard successor.map({ id in others.contains { $0.id == id } }) ?? true else {
            let known = others.map(\.id).joined(separator: ", ")
            throw .refused("\(successor ?? "") does not stand by; these do: \(known)")
        }
        let detail = JSON.members(["to": successor.map { .string($0) }])
        await audit("LEADERSHIP_HAND_OVER", of: AuditSubject(.cluster, state.cluster.rawValue), detail: detail)
        guard api.peers.handOver(to: successor) else { throw .unavailable("This controller leads no more") }
        var answer = APIAnswer.success(detail)
        answer.endsTerm = true
        return answer
    }

    /// Drops what is known of one that will not come back.
    func forgetController() async throws(APIRefusal) -> APIAnswer {
        let id = parameter(0)
        guard let presence = try await presences().first(where: { $0.id == id }) else {
            throw .notFound("No controller found with id: \(id)")
        }
        guard !presence.isPresent else { throw .refused("\(id) is present: end it first") }
        do throws(StoreError) {
            try await api.peers.forget(id)
        } catch {
            throw .inDoubt("\(id) may still be listed: \(error)")
        }
        await audit(
            "CONTROLLER_FORGET",
            of: AuditSubject(.cluster, state.cluster.rawValue),
            detail: .members(["controllerId": .string(id)])
        )
        return .success(.members(["controllerId": .string(id), "forgotten": .bool(true)]))
    }
}
