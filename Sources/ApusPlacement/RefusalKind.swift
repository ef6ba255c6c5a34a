/// A reason without what it says of one case, so that there are only so many: for counting.
package enum RefusalKind: String, Sendable, CaseIterable {
    case notAsked = "NOT_ASKED"
    case silent = "SILENT"
    case lost = "LOST"
    case joining = "JOINING"
    case unready = "UNREADY"
    case suspended = "SUSPENDED"
    case blacklisted = "BLACKLISTED"
    case suspendedByOperator = "SUSPENDED_BY_OPERATOR"
    case retiring = "RETIRING"
    case avoided = "AVOIDED"
    case alreadyOnHost = "ALREADY_ON_HOST"
    case hostLimit = "HOST_LIMIT"
    case withoutTag = "WITHOUT_TAG"
    case tagged = "TAGGED"
    case ruledOut = "RULED_OUT"
    case ruleFails = "RULE_FAILS"
    case placeless = "PLACELESS"
    case uneven = "UNEVEN"
    case tooManyInstances = "TOO_MANY_INSTANCES"
    case notEnoughCores = "NOT_ENOUGH_CORES"
    case notEnoughMemory = "NOT_ENOUGH_MEMORY"
    case notEnoughOnOneNode = "NOT_ENOUGH_ON_ONE_NODE"
    case notEnoughOfQuantity = "NOT_ENOUGH_OF_QUANTITY"
    /// There is no executor that could give a reason.
    case noExecutor = "NO_EXECUTOR"
}

extension RefusalReason {
    package var kind: RefusalKind {
        switch self {
        case .notAsked: .notAsked
        case .silent: .silent
        case .lost: .lost
        case .joining: .joining
        case .unready: .unready
        case .suspended: .suspended
        case .blacklisted: .blacklisted
        case .suspendedByOperator: .suspendedByOperator
        case .retiring: .retiring
        case .avoided: .avoided
        case .alreadyOnHost: .alreadyOnHost
        case .hostLimit: .hostLimit
        case .withoutTag: .withoutTag
        case .tagged: .tagged
        case .ruledOut: .ruledOut
        case .ruleFails: .ruleFails
        case .placeless: .placeless
        case .uneven: .uneven
        case .tooManyInstances: .tooManyInstances
        case .notEnoughCores: .notEnoughCores
        case .notEnoughMemory: .notEnoughMemory
        case .notEnoughOnOneNode: .notEnoughOnOneNode
        case .notEnough: .notEnoughOfQuantity
        }
    }
}
