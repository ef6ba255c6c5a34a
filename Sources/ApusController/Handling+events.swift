import ApusModel

/// What has happened (contract §1.4, §6), and as an addition a stream of it.
extension Handling {
    private static let usualSize = 1024
    /// A list has at most so many, whatever is asked for.
    private static let longestList = 10_000
    /// A stream lasts at most so many seconds.
    private static let longestStream = 3_600

    /// Drove's plain list, which it calls old.
    func listEvents() throws(APIRefusal) -> APIAnswer { try listed { events, _ in .array(events) } }

    func latestEvents() throws(APIRefusal) -> APIAnswer {
        try listed { .members(["events": .array($0), "lastSyncTime": .integer($1)]) }
    }

    private func listed(_ form: ([JSON], Int64) -> JSON) throws(APIRefusal) -> APIAnswer {
        let since = try time("lastSyncTime")
        let size = try call.count("size", default: Self.usualSize, upTo: Int(Int32.max))
        do throws(JSONError) {
            let (events, next) = try api.events.latest(after: since, atMost: min(size, Self.longestList))
            return .success(form(events, next))
        } catch {
            return .unexpected(error)
        }
    }

    func eventSummary() throws(APIRefusal) -> APIAnswer {
        let (counts, next) = api.events.counts(after: try time("lastSyncTime"))
        let members = ClusterEvent.Kind.allCases.compactMap { kind in
            counts[kind].map { JSON.Member(kind.rawValue, .integer(Int64($0))) }
        }
        return .success(.members(["eventsCount": .object(members), "lastSyncTime": .integer(next)]))
    }

    /// Milliseconds of 1970; 0 if they are not given.
    private func time(_ name: String) throws(APIRefusal) -> Int64 {
        Int64(try call.count(name, default: 0, upTo: .max))
    }

    // MARK: the stream

    func eventStream() throws(APIRefusal) -> APIAnswer {
        let (kinds, start) = (try eventKinds(), try eventStart())
        let seconds = try call.count("timeout", default: Self.longestStream, upTo: Self.longestStream)
        // Gateways follow the events too, and containers must not take all their places.
        let most = api.events.limits.listeners / (principal.role == .instance ? RequestLimits.partOfInstances : 1)
        guard api.events.listeners < most, let listener = api.events.listen(from: start) else {
            throw .busy("\(most) listeners follow the events already; try again later")
        }
        let stream = EventStream(listener: listener, kinds: kinds, deadline: ContinuousClock.now + .seconds(seconds))
        let file = APIFile(length: nil, contentType: APIFile.eventStream, disposition: nil, pieces: stream)
        return APIAnswer(status: 200, file: file)
    }

    private func eventKinds() throws(APIRefusal) -> Set<ClusterEvent.Kind> {
        var kinds: Set<ClusterEvent.Kind> = []
        for text in call.values("type") {
            guard let kind = ClusterEvent.Kind(rawValue: text.uppercased()) else {
                let names = ClusterEvent.Kind.allCases.map(\.rawValue).joined(separator: ", ")
                throw .spec(.violations(["query param type must be one of [\(names)]"]))
            }
            kinds.insert(kind)
        }
        return kinds
    }

    /// The header goes before the query: a browser that comes again repeats the query as it was.
    private func eventStart() throws(APIRefusal) -> EventLog.Start {
        if let id = call.lastEventID ?? call.values("from").last {
            guard let position = EventPosition(id) else {
                throw .spec(.violations(["Last-Event-ID and query param from must be an event's id, such as 7-12"]))
            }
            return .behind(position)
        }
        return call.values("since").isEmpty ? .now : .since(try time("since"))
    }
}
