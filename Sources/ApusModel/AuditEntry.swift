/// One line of the audit log: a change that somebody asked for, or a decision that the controller made by itself.
package struct AuditEntry: Hashable, Sendable {
    package enum Outcome: String, Hashable, Sendable, CaseIterable {
        case accepted = "ACCEPTED"
        /// Not allowed as things were.
        case refused = "REFUSED"
        /// Perhaps carried out: its leader ended before that was known.
        case inDoubt = "IN_DOUBT"
        /// Not allowed to whoever asked.
        case denied = "DENIED"
        /// Decided by the controller.
        case done = "DONE"
    }

    /// Longer texts are cut, in bytes.
    package static let longestText = 1_000
    private static let longestName = 300

    package var time: WallTime
    /// That of the leader.
    package var epoch: Epoch
    package var actor: AuditActor
    /// A stable word, `APPLICATION_SCALE` say.
    package var action: String
    package var subject: AuditSubject
    package var outcome: Outcome
    /// Why it was refused or denied; empty if it was not.
    package var reason = ""
    /// Why the controller decided so; empty of what somebody asked for.
    package var cause = ""
    /// What it is a step of.
    package var operation: AuditOperation?
    /// What was asked for, without anything secret.
    package var detail: AuditDetail?
    /// Whom it concerns beside its subject: it is found by these ids too.
    package var related: [String] = []

    package init(
        at time: WallTime,
        in epoch: Epoch,
        _ actor: AuditActor,
        _ action: String,
        _ subject: AuditSubject,
        _ outcome: Outcome
    ) {
        self.time = time
        self.epoch = epoch
        self.actor = actor
        self.action = action
        self.subject = subject
        self.outcome = outcome
    }

    /// Its form in the log and in the API, where its sequence comes before it.
    package var json: JSON {
        .members([
            "time": time.json, "epoch": .integer(epoch), "actor": actor.json, "action": .string(action),
            "subject": subject.json, "outcome": .string(outcome.rawValue),
            "reason": reason.isEmpty ? nil : .string(reason.clipped(toBytes: Self.longestText)),
            "cause": cause.isEmpty ? nil : .string(cause.clipped(toBytes: Self.longestText)),
            "operation": operation?.json, "detail": detail?.json,
        ])
    }

    /// A name as it is written and looked for.
    package static func name(_ text: String) -> String { text.clipped(toBytes: longestName) }
}

/// Who did it.
package struct AuditActor: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        case user = "USER"
        case node = "NODE"
        case instance = "INSTANCE"
        case controller = "CONTROLLER"
    }

    package var kind: Kind
    /// Empty if nobody knows: of a call without credentials.
    package var name: String
    /// In Drove's words; `nil` of a controller, and of who is not known.
    package var role: String?
    /// The address it came from; `nil` of a controller.
    package var source: String?

    package init(_ kind: Kind, _ name: String, role: String? = nil, source: String? = nil) {
        self.kind = kind
        self.name = AuditEntry.name(name)
        self.role = role
        self.source = source.map(AuditEntry.name)
    }

    fileprivate var json: JSON {
        .members([
            "kind": .string(kind.rawValue), "name": .string(name), "role": role.map { .string($0) },
            "source": source.map { .string($0) },
        ])
    }
}

/// What it was done to.
package struct AuditSubject: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        case application = "APPLICATION"
        case task = "TASK"
        case localService = "LOCAL_SERVICE"
        case instance = "INSTANCE"
        case executor = "EXECUTOR"
        case cluster = "CLUSTER"
        case user = "USER"
    }

    package var kind: Kind
    package var id: String

    package init(_ kind: Kind, _ id: String) {
        self.kind = kind
        self.id = AuditEntry.name(id)
    }

    package init(_ owner: Owner) {
        switch owner {
        case .application(let app): self.init(.application, app.rawValue)
        case .task(let task): self.init(.task, task.rawValue)
        case .localService(let service): self.init(.localService, service.rawValue)
        }
    }

    package init(_ executor: ExecutorID) { self.init(.executor, executor.rawValue) }
    package init(_ instance: InstanceID) { self.init(.instance, instance.rawValue) }

    fileprivate var json: JSON { .members(["kind": .string(kind.rawValue), "id": .string(id)]) }
}

/// What somebody asked for, of which something is a step.
package struct AuditOperation: Hashable, Sendable {
    /// `REPLACE_INSTANCES`, say.
    package var type: String
    /// `nil` of what is no operation of its own, a task's creation say.
    package var id: OperationID?
    package var subject: AuditSubject
    /// Who asked; `nil` if that is not known any more.
    package var askedBy: String?

    package init(_ type: String, _ id: OperationID?, of subject: AuditSubject) {
        self.type = type
        self.id = id
        self.subject = subject
    }

    fileprivate var json: JSON {
        .members([
            "type": .string(type), "id": id?.json, "subject": .string(subject.id),
            "askedBy": askedBy.map { .string($0) },
        ])
    }
}

/// What was asked for, in few words: specifications are named by id and image alone, long lists are cut.
package struct AuditDetail: Hashable, Sendable {
    /// Of its JSON text.
    package static let mostBytes = 4_096
    private static let mostElements = 20

    package let json: JSON

    package init(_ json: JSON) {
        let short = Self.shortened(json)
        let text = short.serialized
        // Quotes and other signs take more room inside a string than outside.
        let room = Self.mostBytes / 4
        self.json =
            text.utf8.count <= Self.mostBytes ? short : .members(["clipped": .string(text.clipped(toBytes: room))])
    }

    private static func shortened(_ json: JSON) -> JSON {
        switch json {
        case .array(let elements):
            let more = elements.count - mostElements
            let kept = elements.prefix(mostElements).map(shortened)
            return .array(more > 0 ? kept + [.string("and \(more) more")] : kept)
        case .object(let members):
            return .object(
                members.map { member in
                    JSON.Member(member.key, member.key == "spec" ? named(member.value) : shortened(member.value))
                }
            )
        default: return json
        }
    }

    /// A specification has environments, files and secrets.
    private static func named(_ spec: JSON) -> JSON {
        .members([
            "name": spec["name"], "version": spec["version"], "sourceAppName": spec["sourceAppName"],
            "taskId": spec["taskId"], "image": spec["executable"]?["url"],
        ])
    }
}
