package import ApusModel

/// Why an executor does not take an instance: the first reason found, in the order of these cases.
package enum RefusalReason: Hashable, Sendable, Comparable {
    /// The request names another executor.
    case notAsked
    case silent
    case lost
    /// Known, but not verified yet.
    case joining
    /// Its required local services are not healthy there yet.
    case unready
    case suspended
    /// An operator excluded it.
    case blacklisted
    case suspendedByOperator
    case retiring
    /// The request asks not to be placed there.
    case avoided
    /// ONE_PER_HOST, and an instance of the application is there.
    case alreadyOnHost
    /// MAX_N_PER_HOST of that many, and they are there.
    case hostLimit(Int)
    /// MATCH_TAG, and it does not have that one.
    case withoutTag(String)
    /// NO_TAG, and it has some.
    case tagged
    /// RULE_BASED, and the rule says no.
    case ruledOut
    /// RULE_BASED, and the rule cannot be evaluated: why.
    case ruleFails(String)
    /// A hard SPREAD, and it stands in no place of that axis.
    case placeless(String)
    /// A hard SPREAD, and its place would have too many more than another.
    case uneven(over: String, maxSkew: Int)
    case tooManyInstances
    case notEnoughCores
    case notEnoughMemory
    /// Cores and memory exist, but not together on one NUMA node.
    case notEnoughOnOneNode
    case notEnough(quantity: String)
}

extension RefusalReason: CustomStringConvertible {
    /// For people; reads well after a count of executors.
    package var description: String {
        switch self {
        case .silent: "silent"
        case .lost: "lost"
        case .joining: "joining"
        case .unready: "waiting for local services"
        case .suspended: "suspended"
        case .blacklisted: "blacklisted"
        case .suspendedByOperator: "suspended by an operator"
        case .retiring: "being retired"
        case .notAsked: "not asked"
        case .avoided: "avoided"
        case .alreadyOnHost: "already runs an instance of it"
        case .hostLimit(let limit): "already at the policy's limit of \(limit) per host"
        case .withoutTag(let tag): "without the tag \(tag)"
        case .tagged: "reserved by a tag"
        case .ruledOut: "ruled out by the policy's rule"
        case .ruleFails(let why): "where the policy's rule cannot be evaluated (\(why.clipped(toBytes: 200)))"
        case .placeless(let axis): "without a \(axis) to SPREAD over"
        case .uneven(let axis, let skew): "against SPREAD: one more would be more than \(skew) above the least \(axis)"
        case .tooManyInstances: "at the limit of \(Ledger.mostInstancesPerExecutor) instances"
        case .notEnoughCores: "not enough cores"
        case .notEnoughMemory: "not enough memory"
        case .notEnoughOnOneNode: "not enough cores and memory on one NUMA node"
        case .notEnough(let quantity): "not enough \(quantity)"
        }
    }
}

/// Why no executor takes an instance: every executor counted once.
package struct Refusal: Hashable, Sendable {
    /// A reason and the number of executors that gave it.
    package struct Count: Hashable, Sendable {
        package var reason: RefusalReason
        package var executors: Int
    }

    /// The most frequent reason first; the numbers sum to the number of executors known.
    package let counts: [Count]

    /// The reasons of all executors.
    package init(_ reasons: some Sequence<RefusalReason>) {
        counts = Dictionary(reasons.map { ($0, 1) }, uniquingKeysWith: +).map {
            Count(reason: $0.key, executors: $0.value)
        }
        .sorted { ($1.executors, $0.reason) < ($0.executors, $1.reason) }
    }

    /// For people: `0 of 3 executors fit: 2 not enough cores, 1 silent`.
    package var text: String {
        let total = counts.reduce(0) { $0 + $1.executors }
        guard total > 0 else { return "there is no executor" }
        let reasons = counts.map { "\($0.executors) \($0.reason)" }.joined(separator: ", ")
        return "0 of \(total) executors fit: \(reasons)"
    }
}

/// What became of a placement request.
package enum PlacementOutcome: Hashable, Sendable {
    /// The allocation is held for the instance.
    case placed(ExecutorID, ResourceAllocation)
    case refused(Refusal)
}

/// Whether new work may be placed on an executor.
package enum Admission: Hashable, Sendable {
    case open
    /// What runs there keeps what it holds; nothing new is placed.
    case closed(RefusalReason)

    /// An executor waits for local services: those it takes.
    package var takesLocalServices: Bool { self == .open || self == .closed(.unready) }
}

/// What became of recording that an instance holds resources.
package enum HoldOutcome: Hashable, Sendable {
    case held
    /// Recorded all the same: what is held twice stays taken until both are gone. `with` names another holder of one of
    /// the cores; `nil` when the executor does not offer what is held.
    case conflict(with: InstanceID?)
    /// Nothing was recorded.
    case unknownExecutor
}
