import ApusClient
import ApusEngine
import ApusModel
import ApusStore
import Logging

/// The controller's HTTP API: Drove's paths, shapes and texts, without the HTTP.
///
/// Every answer is made from one committed snapshot.
package struct API: Sendable {
    /// The longest body of a request.
    package static let longestBody = 1 << 20
    /// A full list of a thousand instances is longer.
    package static let longestReport = 4 << 20
    /// Of a query, each counted.
    package static let mostParameters = 1000

    let inbox: Inbox
    let published: Published
    let recollection: Recollection
    let events: EventLog
    let audit: AuditLog
    let history: HistoryDesk
    let time: TimeSource
    let desk: PlacementDesk
    var endpoints: EndpointCache
    let execs: ExecRelays
    let usage: UsageDesk
    let exports: ExportDesk
    let allowances: Allowances
    let access: Access
    let turnedAway: TurnedAway
    /// Who may join; `nil` is everybody who knows the nodes' secret.
    let joinList: @Sendable () -> JoinList?
    let vault: Vault
    let peers: Peers
    /// This controller, as it asks executors.
    let caller: Caller
    /// `host:port` of this controller, or where a stale answer is given of the one that leads.
    var leader: String
    /// What `/healthcheck` says of the store.
    let storeFault: @Sendable () -> String?
    let logger: Logger

    /// The longest body that a path takes.
    package static func bodyLimit(of path: String) -> Int { isReport(path) ? longestReport : longestBody }

    /// Whether executors report at a path.
    package static func isReport(_ path: String) -> Bool { path == "/apis/v1/internal/nodes/report" }

    /// Whether a path is answered however much is asked at a time: an executor whose reports were refused would be taken for
    /// lost, and a controller that is not told of events could not tell of them when the leader is lost.
    package static func isVital(_ path: String) -> Bool {
        isReport(path) || path.hasPrefix("/apis/v1/internal/history")
    }

    /// Whether a path takes a body that is read while it is answered.
    package static func isStreamed(_ path: String) -> Bool {
        path.hasPrefix("/apis/v1/instances/") && path.hasSuffix("/exec")
    }

    /// Every operation, as `GET /apis/v1/applications/{id}`.
    package static var operations: [String] { Route.all.map { "\($0.method) \($0.pattern)" } }

    /// Answers any call.
    package func answer(_ call: APICall) async -> APIAnswer {
        switch await admission(of: call) {
        case .refused(let answer): answer
        case .admitted(let route, let principal): await answer(call, by: route, to: principal)
        }
    }

    /// What becomes of a call, before its body is looked at or has come at all.
    enum Admission: Sendable {
        case refused(APIAnswer)
        case admitted(Route, Principal)
    }

    func admission(of call: APICall) async -> Admission {
        if let elsewhere = otherPlace(of: call) { return .refused(elsewhere) }
        guard call.query.count <= Self.mostParameters else {
            return .refused(
                .failed(
                    400,
                    "The query has \(call.query.count) parameters, at most \(Self.mostParameters) are allowed"
                )
            )
        }
        if let document = OpenAPI.answer(to: call) { return .refused(document) }
        let segments = call.path.split(separator: "/")
        let matches = Route.all.filter { $0.matches(segments) }
        guard let pattern = matches.first?.pattern else { return .refused(APIAnswer(status: 404)) }
        let routes = matches.filter { $0.pattern == pattern }
        // HEAD is a GET whose body the server leaves out.
        guard let route = routes.first(where: { $0.method == (call.method == "HEAD" ? "GET" : call.method) }) else {
            return .refused(.allowing(routes.map(\.method), call.method))
        }
        guard route.takes(call) else { return .refused(APIAnswer(status: 415)) }
        guard route.method == "GET" || !call.isOfAnotherSite else {
            return .refused(.failed(403, "A page of another site sent this: the API is not for it"))
        }
        do throws(AccessRefusal) {
            let principal = try await access.principal(of: call, for: route.need, in: published.state)
            return admission(of: call, to: route, principal)
        } catch {
            // Who has not read yet who may call knows of nothing else either.
            if case .notYet = error, route.readsState, call.takesStale {
                return .refused(.failed(503, Self.nothingKnown, retryAfter: 1))
            }
            let answer = APIAnswer(error)
            if answer.status == 401 {
                if route.isChange { deny(call, by: nil, 401) }
                // One that belongs to no cluster yet asks first which this is.
                if route.need == .nodes || route.need == .controllers || Access.showsSecret(call) {
                    turnAway(call, asController: route.need == .controllers)
                }
            }
            return .refused(answer)
        }
    }

    private static let pages = "/apis/ui"

    /// A browser is passed on to the leader (contract §0.5); `nil` for all else, and where no other one is known to lead.
    private func otherPlace(of call: APICall) -> APIAnswer? {
        guard call.path.hasPrefix("\(Self.pages)/"), ["GET", "HEAD"].contains(call.method), published.lead == nil,
            let url = peers.leaderURL
        else { return nil }
        // Of what the caller has chosen comes back what stands behind a slash: it makes no other host of the leader's.
        let place = call.target.dropFirst(Self.pages.count)
        guard place.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else { return nil }
        return APIAnswer(status: 303, location: "\(url)\(place)")
    }

    private func admission(of call: APICall, to route: Route, _ principal: Principal) -> Admission {
        guard principal.covers(route.need) else {
            if route.isChange { deny(call, by: principal, 403) }
            return .refused(APIAnswer(status: 403))
        }
        // A page whose name was made to lead here is of another site too.
        guard principal != .implicit || call.namesThisMachine(or: leader) else {
            return .refused(.failed(403, "Ask by an address, or by the name of this controller: \(leader)"))
        }
        return .admitted(route, principal)
    }

    func answer(_ call: APICall, by route: Route, to principal: Principal) async -> APIAnswer {
        var call = call
        call.parameters = route.parameters(of: call.path.split(separator: "/"))
        guard route.needsLeader else {
            // Nothing is read of a state.
            return await self.answer(call, by: route, to: principal, in: ClusterState(cluster: ClusterID("")))
        }
        let mayBeStale = route.readsState && call.takesStale
        guard let lead = published.lead else {
            return mayBeStale ? await staleAnswer(call, by: route, to: principal) : notLeading(to: principal)
        }
        var answer = await self.answer(call, by: route, to: principal, in: lead.state)
        // What was read may be old by now, and of what was asked for nobody knows here what became.
        guard answer.endsTerm || lead.term.isValid(at: time().now) else {
            if mayBeStale { return await staleAnswer(call, by: route, to: principal) }
            // Whoever is told that this is not the leader asks the next one for the same again.
            guard route.isChange else { return notLeading(to: principal) }
            if answer.isInDoubt { return answer }
            return answer.status == 200 ? APIAnswer(.inDoubt(Self.unknownOutcome)) : notLeading(to: principal)
        }
        if mayBeStale { answer.age = 0 }
        return answer
    }

    private func answer(
        _ call: APICall,
        by route: Route,
        to principal: Principal,
        in state: ClusterState
    ) async -> APIAnswer {
        do throws(APIRefusal) {
            return try await route.handle(Handling(api: self, state: state, call: call, principal: principal))
        } catch {
            return APIAnswer(error)
        }
    }

    /// With the reason, as far as it is known: a trouble of the store's, or that another one leads.
    ///
    /// Who cannot be told from others yet, and what runs in containers, gets none.
    private func notLeading(to principal: Principal) -> APIAnswer {
        guard principal.role != .instance else { return .notLeading() }
        let other = peers.leaderID.flatMap { $0 == leader ? nil : "\($0) leads" }
        return .notLeading(because: storeFault() ?? other)
    }

    /// From the last state that this controller knows, though it does not lead.
    private func staleAnswer(_ call: APICall, by route: Route, to principal: Principal) async -> APIAnswer {
        guard let memory = await recollection.newest() else { return .failed(503, Self.nothingKnown, retryAfter: 1) }
        if case .token(let claim) = principal.proof, route.need != .instances,
            memory.state.instance(of: claim) == nil
        {
            return APIAnswer(AccessRefusal.unknown)
        }
        var old = self
        old.endpoints = memory.endpoints
        old.leader = peers.leaderID ?? ""
        var answer = await old.answer(call, by: route, to: principal, in: memory.state)
        answer.isStale = true
        answer.age = max(0, Int((time().now - memory.at).components.seconds))
        return answer
    }

    private static let nothingKnown =
        "This controller does not lead, and has not read yet what the leader stores; ask the leader, or try again"

    private static let unknownOutcome =
        "This controller led no more when it was to answer. Whether this was accepted is not known: look before you try again"
}

/// One call being answered: what a handler needs, and the snapshot it reads.
struct Handling: Sendable {
    let api: API
    let state: ClusterState
    let call: APICall
    let principal: Principal

    /// The part of the path that stands for the n-th `{…}`.
    func parameter(_ index: Int) -> String { call.parameters[index] }

    /// Hands a request for change to the engine and makes its answer; by default a refusal is a failed validation.
    func change(
        _ command: Command,
        accepted: APIAnswer,
        refused: ([String]) -> APIAnswer = { APIAnswer(SpecRefusal.violations($0)) }
    ) async -> APIAnswer {
        await change(command, refused: refused) { _ in accepted }
    }

    /// The same; `done` makes the answer from what the engine says was done.
    func change(
        _ command: Command,
        refused: ([String]) -> APIAnswer = { APIAnswer(SpecRefusal.violations($0)) },
        done: (CommandOutcome) -> APIAnswer
    ) async -> APIAnswer {
        let reply = await api.inbox.submit(command, by: actor)
        if case .answer = reply { await api.audit.settle() }
        switch reply {
        case .answer(.refused(let violations)): return refused(violations)
        case .answer(.unavailable(let reason)), .unavailable(let reason): return .failed(503, reason, retryAfter: 1)
        case .inDoubt(let text): return APIAnswer(.inDoubt(text))
        case .busy:
            return APIAnswer(
                .busy("\(Inbox.mostCommands) requests for change wait already. Nothing was changed; try again.")
            )
        case .answer(let outcome): return done(outcome)
        }
    }
}
