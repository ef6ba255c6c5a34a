import ApusEngine
import ApusModel
import ApusPlacement
import HashTreeCollections

/// Why there are no more instances, and where so many would go: both are asked of a ledger made from the snapshot.
extension Handling {
    func explainApplication() async throws(APIRefusal) -> APIAnswer {
        let (app, times) = (AppID(parameter(0)), api.time())
        let told = try await ask { [state] ledger in state.explanation(of: app, ledger, at: times) }
        guard let told, let application = state.applications[app] else { throw .notFound("App \(app) not found") }
        return .success(
            .object(
                [
                    JSON.Member("appId", app.json), JSON.Member("state", .string(application.state.rawValue)),
                    JSON.Member("text", .array(told.lines(about: "\(app)", .oneMore).map { .string($0) })),
                ] + members(of: told)
            )
        )
    }

    func explainService() async throws(APIRefusal) -> APIAnswer {
        let (id, times) = (ServiceID(parameter(0)), api.time())
        let told = try await ask { [state] ledger in state.explanation(of: id, ledger, at: times) }
        guard let told, let service = state.localServices[id] else {
            throw .notFound("Local service \(id) not found")
        }
        let asked: Explanation.Asked = service.activation == .active ? .all : .oneMore
        return .success(
            .object(
                [
                    JSON.Member("serviceId", id.json), JSON.Member("state", .string(service.state.rawValue)),
                    JSON.Member("text", .array(told.lines(about: "\(id)", asked).map { .string($0) })),
                ] + members(of: told)
            )
        )
    }

    func explainTask() async throws(APIRefusal) -> APIAnswer {
        let (task, times) = (TaskID(source: parameter(0), name: parameter(1)), api.time())
        let told = try await ask { [state] ledger in state.explanation(of: task, ledger, at: times) }
        guard let told, let run = state.tasks[task] else { throw .notFound("No such task instance \(task)") }
        let view = TaskView(run, in: state)
        return .success(
            .object(
                [
                    JSON.Member("sourceAppName", .string(task.source)), JSON.Member("taskId", .string(task.name)),
                    JSON.Member("state", .string(view.state.rawValue)),
                    JSON.Member("text", .array((view.lines + told.lines(.oneMore)).map { .string($0) })),
                ] + members(of: told)
            )
        )
    }

    private func ask<Answer: Sendable>(
        _ question: @Sendable (inout Ledger) -> Answer
    ) async throws(APIRefusal) -> Answer {
        do throws(PlacementDesk.Busy) {
            return try await api.desk.ask(state, question)
        } catch {
            throw .busy("\(PlacementDesk.mostQuestions) questions about placement wait already; ask again.")
        }
    }

    private func members(of told: Explanation) -> [JSON.Member] {
        let hindrances = told.hindrances.map { hindrance in
            JSON.members([
                "code": .string(hindrance.code), "text": .string(hindrance.text), "until": hindrance.until?.json,
            ])
        }
        let wantsExecutors = call.values("executors").last?.lowercased() == "true"
        let members: [(String, JSON?)] = [
            ("wanted", .integer(Int64(told.wanted))), ("alive", .integer(Int64(told.alive))),
            ("healthy", .integer(Int64(told.healthy))), ("hindrances", .array(hindrances)),
            ("placement", told.placement?.json),
            ("executors", wantsExecutors ? told.placement.map { executors($0) } : nil),
        ]
        return members.compactMap { key, value in value.map { JSON.Member(key, $0) } }
    }

    /// What each one says, by name and port.
    private func executors(_ placement: Explanation.Placement) -> JSON {
        let asked = placement.answers.keys.compactMap { state.members[$0] }
            .sorted { ($0.hostname, $0.port, $0.id) < ($1.hostname, $1.port, $1.id) }
        return .array(
            asked.map { member in
                let reason = placement.answers[member.id] ?? nil
                return .members([
                    "executorId": member.id.json, "hostname": .string(member.hostname),
                    "port": .integer(Int64(member.port)), "fits": .bool(reason == nil),
                    "reason": reason.map { .string($0.description) },
                ])
            }
        )
    }

    // MARK: simulation

    /// Places instances of a specification on a copy of what is there; nothing is changed (contract §1.4).
    func simulatePlacement() async throws(APIRefusal) -> APIAnswer {
        let wanted: PlacementQuestion
        switch PlacementQuestion.validated(try call.json()) {
        case .success(let valid): wanted = valid
        case .failure(let refusal): return refused(refusal)
        }
        let (workload, count) = (wanted.workload, wanted.instances)
        let refusals = api.allowances.refusals(of: workload)
        guard refusals.isEmpty else { return refused(.violations(refusals)) }
        let group = workload.owner.placementGroup(name: workload.name)
        let simulation = try await ask { ledger in
            PlacementSimulation(of: workload, instances: count, group: group, on: &ledger)
        }
        let wantsDetail = call.values("detail").last?.lowercased() == "true"
        return .success(
            .members([
                "requested": .integer(Int64(count)), "placed": .integer(Int64(simulation.places.count)),
                "errors": .array(simulation.errors(of: count).map { .string($0) }),
                "placements": wantsDetail ? placements(simulation) : nil,
            ])
        )
    }

    /// The client looks for the texts in `errors`.
    private func refused(_ refusal: SpecRefusal) -> APIAnswer {
        let texts = JSON.array(refusal.errors.map { .string($0) })
        return .failed(400, refusal.message, data: .members(["validationErrors": texts, "errors": texts]))
    }

    private func placements(_ simulation: PlacementSimulation) -> JSON {
        var seen: [ExecutorID: JSON] = [:]
        return .array(
            simulation.places.map { executor in
                if let known = seen[executor] { return known }
                let member = state.members[executor]
                let json: JSON = .members([
                    "executorId": executor.json, "hostname": .string(member?.hostname ?? ""),
                    "port": .integer(Int64(member?.port ?? 0)),
                    "executorState": .string(member.map { MemberView($0, in: state).wireState } ?? "REMOVED"),
                ])
                seen[executor] = json
                return json
            }
        )
    }
}

extension PlacementSimulation {
    /// Why not all of so many are placed; none if they are.
    fileprivate func errors(of count: Int) -> [String] {
        guard let refusal else { return [] }
        let rest = count - places.count
        let text = "\(rest) of \(count) instances found no place: \(refusal.text)"
        return suggestion.map { [text, "it would fit: \($0)"] } ?? [text]
    }
}

extension Explanation {
    /// What the executors were asked.
    fileprivate enum Asked {
        case oneMore
        /// Whether they have all that is wanted of a local service.
        case all
    }

    /// More reasons than these are not told to people.
    private static let mostReasons = 8

    /// For people.
    fileprivate func lines(about name: String, _ asked: Asked) -> [String] {
        let what = wanted == 1 ? "1 instance" : "\(wanted) instances"
        return ["\(name) wants \(what): \(alive) there, \(healthy) healthy"] + lines(asked)
    }

    /// What hinders it, and what the executors say.
    fileprivate func lines(_ asked: Asked) -> [String] {
        let lines = hindrances.filter { $0 != .noRoom }.map(\.text)
        guard let placement else { return lines }
        let total = placement.answers.count
        guard total > 0 else { return lines + ["there is no executor"] }
        let what =
            switch asked {
            case .all: "have all that is wanted there"
            case .oneMore: "would take \(alive == 0 ? "one" : "one more")"
            }
        let text = "\(placement.fitting) of \(total) executors \(what)\(Self.list(placement.refusals))"
        let suggestion = placement.suggestion.map { "cheapest change that would make it fit: \($0)" }
        return lines + [text] + (suggestion.map { [$0] } ?? [])
    }

    private static func list(_ refusals: [(reason: Obstacle, executors: Int)]) -> String {
        var reasons = refusals.prefix(mostReasons).map { "\($0.executors) \($0.reason)" }
        let rest = refusals.dropFirst(mostReasons).reduce(0) { $0 + $1.executors }
        if rest > 0 { reasons.append("\(rest) for other reasons") }
        return reasons.isEmpty ? "" : ": \(reasons.joined(separator: ", "))"
    }
}

extension Explanation.Placement {
    /// The numbers of `refusals` and `fitting` sum to `executors`.
    fileprivate var json: JSON {
        .members([
            "executors": .integer(Int64(answers.count)), "fitting": .integer(Int64(fitting)),
            "refusals": .array(
                refusals.map {
                    .members(["reason": .string("\($0.reason)"), "executors": .integer(Int64($0.executors))])
                }
            ),
            "suggestion": suggestion.map { .string("\($0)") },
        ])
    }
}
