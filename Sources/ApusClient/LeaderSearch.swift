import Synchronization

/// Where the controllers of a cluster are, and which of them leads: the one that answers a ping (contract §0.5).
///
/// Where there is one alone nothing is looked for.
final class LeaderSearch: Sendable {
    /// So long it is looked for while there is none.
    static let usualLimit = Duration.seconds(15)
    private static let pingLimit = Duration.seconds(2)
    private static let interval = Duration.milliseconds(250)

    /// Base URLs, `http://host:port`; at least one.
    let endpoints: [String]
    private let limit: Duration
    /// The one that led when it was looked for.
    private let leader = Mutex<String?>(nil)

    /// Takes `http://host:port` or `host:port`, several with commas between.
    init(_ text: String, limit: Duration = usualLimit) {
        var endpoints: [String] = []
        for part in text.split(whereSeparator: { $0 == "," || $0 == " " }) {
            var base = part.contains("://") ? String(part) : "http://\(part)"
            while base.hasSuffix("/") { base.removeLast() }
            if !endpoints.contains(base) { endpoints.append(base) }
        }
        self.endpoints = endpoints.isEmpty ? ["http://\(text)"] : endpoints
        self.limit = limit
    }

    /// The leader's, as far as it is known; otherwise all.
    var endpoint: String { hasSeveral ? leader.withLock(\.self) ?? all : endpoints[0] }

    var hasSeveral: Bool { endpoints.count > 1 }

    private var all: String { endpoints.joined(separator: ",") }

    /// Makes a call at the leader, and where that leads no more at the next one: if it `isHarmless`, or was surely not
    /// taken.
    func at<Value>(
        as caller: Caller,
        isHarmless: Bool,
        _ call: (_ endpoint: String) async throws -> Value
    ) async throws -> Value {
        guard hasSeveral else { return try await call(endpoints[0]) }
        let end = ContinuousClock.now + limit
        while true {
            let endpoint = try await found(as: caller, until: end)
            do {
                return try await call(endpoint)
            } catch let error as ClientError where error.isOfNoLeader {
                leader.withLock { if $0 == endpoint { $0 = nil } }
                guard isHarmless || error.isUntaken, ContinuousClock.now < end else { throw error }
            }
            try await Task.sleep(for: Self.interval)
        }
    }

    /// - Throws: `ClientError` if nobody leads, or it is not known who calls.
    private func found(as caller: Caller, until end: ContinuousClock.Instant) async throws -> String {
        while true {
            if let known = leader.withLock(\.self) { return known }
            let refusals = try await askAll(as: caller)
            guard !refusals.isEmpty else { continue }
            // A leader alone looks at who calls; to ask it again would be one more wrong password.
            if let refusal = refusals.first(where: \.isOfCaller) { throw refusal }
            if let refusal = refusals.first, refusals.allSatisfy(\.isUntrusted) { throw refusal }
            guard ContinuousClock.now < end else {
                throw ClientError(
                    .leaderless,
                    "No controller leads: \(refusals.map(\.message).joined(separator: "; "))",
                    isUnsent: true
                )
            }
            try await Task.sleep(for: Self.interval)
        }
    }

    /// Pings all of them at once; the first that answers leads.
    ///
    /// - Returns: why each does not; nothing if one does.
    private func askAll(as caller: Caller) async throws -> [ClientError] {
        try await withThrowingTaskGroup(of: (Int, ClientError?).self) { group in
            defer { group.cancelAll() }
            for (number, endpoint) in endpoints.enumerated() {
                group.addTask { (number, try await Self.refusal(of: endpoint, as: caller)) }
            }
            var refusals: [Int: ClientError] = [:]
            for try await (number, refusal) in group {
                guard let refusal else {
                    leader.withLock { $0 = endpoints[number] }
                    return []
                }
                refusals[number] = refusal
            }
            return endpoints.indices.compactMap { refusals[$0] }
        }
    }

    private static func refusal(of endpoint: String, as caller: Caller) async throws -> ClientError? {
        do {
            let late = { @Sendable in ClientError(.timedOut, "\(endpoint) did not answer within \(pingLimit)") }
            try await withDeadline(pingLimit, late: late) { try await APIClient(endpoint: endpoint, as: caller).ping() }
            return nil
        } catch let error as ClientError {
            guard error.saysNotLeading, case .refused(let texts) = error.code else { return error }
            let reasons = texts.dropFirst().map { " (\($0))" }.joined()
            return ClientError(error.code, "\(endpoint) stands by\(reasons)")
        }
    }
}

extension ClientError {
    /// Who answers does not lead.
    var saysNotLeading: Bool {
        guard case .refused(let texts) = code else { return false }
        return texts.contains { $0.contains("not the leader controller") }
    }

    /// Another controller may lead by now.
    fileprivate var isOfNoLeader: Bool {
        switch code {
        case .unreachable, .leaderless, .timedOut: true
        // Of what stands before it: a controller itself answers neither.
        case .status(502, _), .status(504, _): true
        case .refused: saysNotLeading
        case .untrusted, .notFound, .status, .unreadable: false
        }
    }

    /// It is about who calls, which only a leader looks at; whatever else is answered may be a proxy's word, whose controller
    /// has just ended.
    fileprivate var isOfCaller: Bool {
        switch code {
        case .status(401, _), .status(403, _), .status(429, _): true
        case .unreachable, .leaderless, .untrusted, .refused, .notFound, .status, .timedOut, .unreadable: false
        }
    }

    /// What was asked for was surely not done, and will not be.
    fileprivate var isUntaken: Bool { isUnsent || saysNotLeading }

    fileprivate var isUntrusted: Bool { if case .untrusted = code { true } else { false } }
}
