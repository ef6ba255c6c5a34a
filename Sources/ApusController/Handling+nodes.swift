import ApusModel

/// What executors tell the leader; without the envelope.
extension Handling {
    func report() async throws(APIRefusal) -> APIAnswer {
        let report: NodeReport
        do {
            report = try NodeReport(json: try JSON(parsing: call.body)).withinLimits()
        } catch {
            throw .spec(.unreadable(error.message))
        }
        let isListed = api.joinList()?.has(report.identity) ?? true
        switch await api.inbox.submit(report, isListed: isListed, from: call.source) {
        case .answer(var answer):
            answer.wall = api.time().wall
            return APIAnswer(status: 200, json: answer.json)
        case .busy: return .failed(503, "\(Inbox.mostReports) reports wait already; send it again", retryAfter: 1)
        case .unavailable(let reason), .inDoubt(let reason): return .failed(503, reason, retryAfter: 1)
        }
    }
}
