import ApusModel

/// What operations work on, as the API shows it.
package protocol Operated: Sendable {
    /// The operation under way.
    var operation: ApplicationSummary.UnderWay? { get }
    var lastOperation: ApplicationSummary.Ended? { get }
}

/// Finds one operation among those that an application or a local service shows, by its type and by what was there
/// before it.
package struct OperationWatch: Sendable {
    /// What has become of it.
    package enum Standing: Hashable, Sendable {
        case underWay
        case ended(ApplicationSummary.Ended)
        /// There was nothing to do.
        case none
        /// Others have come and gone since: how it ended is not known any more.
        case lostSight
    }

    private let type: String
    private let before: Set<OperationID>
    private var own: OperationID?

    /// `subject` is how it was right before the operation was asked for; `nil` if it was not there.
    package init(type: String, before subject: (any Operated)?) {
        self.type = type
        before = Set([subject?.operation?.id, subject?.lastOperation?.id].compactMap(\.self))
    }

    /// The one that is under way.
    package init(_ underWay: ApplicationSummary.UnderWay) {
        type = underWay.type
        before = []
        own = underWay.id
    }

    package mutating func standing(in subject: any Operated) -> Standing {
        let (now, last) = (subject.operation, subject.lastOperation)
        if own == nil {
            // The one that has ended began before the one under way.
            let seen = [last.map { ($0.id, $0.type) }, now.map { ($0.id, $0.type) }].compactMap(\.self)
            own = seen.first { $0.1 == type && !before.contains($0.0) }?.0
        }
        // Only a creation without instances has nothing to do.
        guard let own else { return type == "CREATE" ? .none : .lostSight }
        if now?.id == own { return .underWay }
        if let last, last.id == own { return .ended(last) }
        return .lostSight
    }
}
