import ApusModel
import ApusStore

/// What controllers ask each other of the past; without the envelope, and whether this one leads or not.
extension Handling {
    func history() async throws(APIRefusal) -> APIAnswer {
        let wait = try call.count("wait", default: 0, upTo: Int(HistoryDesk.longestWait.milliseconds))
        var reader = HistoryDesk.Reader(name: AuditEntry.name(call.values("reader").last ?? ""))
        if let text = call.values("events").last {
            guard let position = EventPosition(text) else {
                throw .spec(.violations(["query param events must be an event's id, such as 7-12"]))
            }
            reader.events = HistoryEnd(position: position, isOver: try call.flag("over"))
        }
        if !call.values("changes").isEmpty { reader.changes = try sequence("changes") }
        do {
            guard let answer = try await api.history.answer(reader, within: .milliseconds(wait)) else {
                throw APIRefusal.busy("Too many controllers wait for news already")
            }
            return APIAnswer(status: 200, json: answer)
        } catch let refusal as APIRefusal {
            throw refusal
        } catch {
            throw .unavailable("The history cannot be read: \(error)")
        }
    }

    func historyOfAudit() async throws(APIRefusal) -> APIAnswer {
        let (begin, end) = (try sequence("after"), try sequence("through"))
        do throws(StoreError) {
            return APIAnswer(status: 200, json: try await api.history.records(after: begin, through: end))
        } catch {
            throw .unavailable("The audit log cannot be read: \(error)")
        }
    }

    private func sequence(_ name: String) throws(APIRefusal) -> Int64 {
        Int64(try call.count(name, default: 0, upTo: .max))
    }
}
