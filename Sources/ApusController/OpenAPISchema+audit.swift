import ApusModel

/// What the audit log tells.
extension Schema {
    static let auditPage = object(
        ["records": list(auditRecord, most: 1000), "last": integer],
        optional: ["next": integer, "ends": list(integer)]
    )

    /// What controllers tell each other of the past.
    static let pastNews = object(
        ["changes": integer, "held": list(integer), "notes": list(notedRecord)],
        optional: [
            "events": list(object(["id": text, "age": integer, "event": event], optional: ["previous": text])),
            "end": text,
        ]
    )

    static let auditHistory = object(["records": list(notedRecord), "through": integer])

    private static let notedRecord = object(
        ["ids": list(text), "body": object([:])],
        optional: ["sequence": integer, "origin": text]
    )

    private static let auditRecord = named(
        "AuditRecord",
        object(
            [
                "sequence": integer, "time": time, "epoch": integer, "actor": auditActor, "action": text,
                "subject": object(["kind": choice(AuditSubject.Kind.self), "id": text]),
                "outcome": choice(AuditEntry.Outcome.self),
            ],
            optional: [
                "reason": text, "cause": text,
                "operation": object(["type": text, "subject": text], optional: ["id": text, "askedBy": text]),
                "detail": object([:]),
            ]
        )
    )

    private static let auditActor = object(
        ["kind": choice(AuditActor.Kind.self), "name": text],
        optional: ["role": text, "source": text]
    )
}
