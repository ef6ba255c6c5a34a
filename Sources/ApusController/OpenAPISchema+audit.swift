import ApusModel

/// What the audit log tells.
extension Schema {
    static let auditPage = object(
        ["records": list(auditRecord, most: 1000), "last": integer],
        optional: ["next": integer]
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
