import ApusEngine
import ApusModel
import ApusStore

/// The audit log: asked for, and written by what changes something beside the engine.
extension Handling {
    private static let usualSize = 100
    private static let mostRecords = 1_000

    func auditLog() async throws(APIRefusal) -> APIAnswer {
        let size = try call.count("size", default: Self.usualSize, upTo: Self.mostRecords)
        guard size > 0 else {
            throw .spec(.violations(["query param size must be greater than or equal to 1"]))
        }
        var query = AuditQuery(size: size)
        query.from = try number("from")
        query.after = try call.counts("after", upTo: .max).map { Int64($0) }
        query.since = try number("since").map { WallTime(milliseconds: $0) }
        query.until = try number("until").map { WallTime(milliseconds: $0) }
        query.actor = text("actor")
        query.action = text("action")?.uppercased()
        query.subject = text("subject")
        query.source = text("source")
        do throws(StoreError) {
            let page = try await api.audit.page(query)
            let next = page.next.map { JSON.integer($0) }
            return .success(
                .members([
                    "records": .array(page.records), "next": next, "last": .integer(page.last),
                    "ends": .array(page.ends.map { .integer($0) }),
                ])
            )
        } catch {
            return .failed(503, "The audit log cannot be read: \(error)", retryAfter: 1)
        }
    }

    private func number(_ name: String) throws(APIRefusal) -> Int64? {
        call.values(name).isEmpty ? nil : Int64(try call.count(name, default: 0, upTo: .max))
    }

    private func text(_ name: String) -> String? {
        call.values(name).last.flatMap { $0.isEmpty ? nil : AuditEntry.name($0) }
    }

    /// Who calls, and from where.
    var actor: AuditActor { AuditActor(principal, from: call.source) }

    /// Notes a change that was made beside the engine, and returns when that is written (`AuditLog.settle`).
    ///
    /// `detail` may hold nothing secret; by the ids of `related` it is found too.
    func audit(
        _ action: String,
        of subject: AuditSubject,
        detail: JSON? = nil,
        related: [String] = []
    ) async {
        var entry = AuditEntry(at: api.time().wall, in: state.epoch, actor, action, subject, .accepted)
        entry.detail = detail.map { AuditDetail($0) }
        entry.related = related
        api.audit.append([entry])
        await api.audit.settle()
    }
}

extension API {
    /// Somebody may not change what they wanted to; `principal` is `nil` if nobody knows who.
    func deny(_ call: APICall, by principal: Principal?, _ status: Int) {
        let state = published.state
        let actor =
            principal.map { AuditActor($0, from: call.source) } ?? AuditActor(.user, "", source: call.source)
        let subject = AuditSubject(.cluster, state?.cluster.rawValue ?? "")
        var entry = AuditEntry(at: time().wall, in: state?.epoch ?? 0, actor, "CHANGE_DENIED", subject, .denied)
        entry.reason =
            principal.map { "\($0.role.rawValue) may not do that" } ?? "nobody was shown, or nobody that is known"
        entry.detail = AuditDetail(
            .members([
                "method": .string(AuditEntry.name(call.method)), "path": .string(AuditEntry.name(call.path)),
                "status": .integer(Int64(status)),
            ])
        )
        audit.deny(entry)
    }

    /// A node shows no secret of this cluster; told once in a while of each.
    func turnAway(_ call: APICall, asController isController: Bool) {
        let (name, now) = (Access.nodeName(call), time())
        let action = isController ? "CONTROLLER_REFUSED" : "EXECUTOR_REFUSED"
        guard turnedAway.isNews(action, name, from: call.source, at: now.now) else { return }
        let state = published.state
        let subject = AuditSubject(.cluster, state?.cluster.rawValue ?? "")
        let actor = AuditActor(.node, name, source: call.source)
        var entry = AuditEntry(at: now.wall, in: state?.epoch ?? 0, actor, action, subject, .denied)
        entry.reason = "it shows no secret of this cluster's nodes (--node-secret-file)"
        entry.detail = AuditDetail(.members(["kind": "WRONG_SECRET"]))
        audit.append([entry])
    }
}

extension AuditActor {
    fileprivate init(_ principal: Principal, from source: String) {
        let kind: Kind =
            switch principal.role {
            case .root, .readWrite, .maintenance, .readOnly: .user
            case .node: .node
            case .instance: .instance
            }
        self.init(kind, principal.name, role: principal.role.rawValue, source: source)
    }
}

extension Route {
    /// Whoever is turned away from it is noted; what nodes and instances send is no change of anybody's.
    var isChange: Bool {
        switch need {
        case .changes, .maintenance, .administration: method != "GET"
        // Drove lets anybody forget a task.
        case .anyone: method == "DELETE"
        case .logs, .nodes, .controllers, .instances: false
        }
    }
}
