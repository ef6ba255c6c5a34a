package import ApusModel
import HashTreeCollections

/// What a controller that stands by reaches of the members, as it tried itself.
package struct StandbyView: Hashable, Sendable {
    package var id: String
    /// How many members answered it.
    package var reached: Int

    package init(id: String, reached: Int) { (self.id, self.reached) = (id, reached) }
}

/// When more than half of the members are silent it may be this leader that is cut off: it asks what the controllers
/// reach that stand by, and makes way for one that reaches more than half.
extension Engine {
    /// One machine alone says nothing of the leader.
    private static let fewestSilent = 2
    /// If the last leader gave way and this one does not hear them either, another change helps nobody.
    private static let pauseBetweenHandOvers = Duration.seconds(60)

    /// What a leader knows of its own place among its members.
    enum Outlook: Hashable, Sendable {
        /// Half of them or more are heard.
        case clear
        /// More than half are silent, and until then nobody is given up: what standbys reach is not known yet.
        case asking(until: Moment)
        /// Another one is to lead; should that come to nothing, it goes on then.
        case leaving(until: Moment)
        /// No other one is to lead: whoever is silent is given up when it is time. Asked once of each such silence, which
        /// counts anew when maintenance ends.
        case settled
    }

    private var membersNotLost: Int { state.members.count - lost.count }

    private var isMostlySilent: Bool { silent.count >= Self.fewestSilent && silent.count * 2 > membersNotLost }

    /// Until when nobody is given up; `nil` if nothing speaks against it.
    var lossAwaited: Moment? {
        switch outlook {
        case .asking(let end), .leaving(let end): end
        case .clear, .settled: nil
        }
    }

    /// Looks how many are silent, before any of them is given up.
    mutating func lookAround(at now: Moment) {
        guard let patience = settings.standbyPatience else { return }
        guard isMostlySilent else { return outlook = .clear }
        switch outlook {
        case .clear:
            outlook = .asking(until: now + patience)
            effects.append(
                .note(
                    "\(silent.count) of \(membersNotLost) executors are silent: none is given up before it is known what "
                        + "the controllers reach that stand by"
                )
            )
            effects.append(.askStandbys)
        case .asking(let end) where now >= end:
            settle("what the controllers reach that stand by was not known in time", at: now)
        case .leaving(let end) where now >= end: settle("the leadership was not handed over in time", at: now)
        case .asking, .leaving, .settled: break
        }
    }

    /// What the controllers reach that stand by.
    mutating func apply(_ views: [StandbyView], at times: Times) {
        guard let patience = settings.standbyPatience, case .asking = outlook, isMostlySilent else { return }
        let farthest = views.max { ($0.reached, $1.id) < ($1.reached, $0.id) }
        guard let farthest, farthest.reached > membersNotLost / 2 else {
            return settle("no controller that stands by reaches more than half of the executors", at: times.now)
        }
        let cause =
            "\(silent.count) of \(membersNotLost) executors are silent here, and \(farthest.id) reaches \(farthest.reached)"
        if let last = state.facts.handOver, last.isRecent(at: times.wall, within: Self.pauseBetweenHandOvers) {
            return settle("\(cause), but the leadership was handed over for that a moment ago", at: times.now)
        }
        state.facts.handOver = HandOver(to: farthest.id, at: times.wall, cause: cause)
        touched.insert(ClusterFacts.key)
        outlook = .leaving(until: times.now + patience)
        effects.append(.note("\(cause): it is to lead"))
        effects.append(.handOver(to: farthest.id))
    }

    private mutating func settle(_ reason: String, at now: Moment) {
        outlook = .settled
        effects.append(.note("\(reason): whoever is silent is given up when it is time"))
        for id in silent.sorted() { wake(.member(id), at: now) }
    }
}

/// A leader made way for a controller that reaches more of the members.
package struct HandOver: Hashable, Sendable {
    /// The id of the controller.
    package var to: String
    package var at: WallTime
    /// For people.
    package var cause: String

    init(to: String, at: WallTime, cause: String) { (self.to, self.at, self.cause) = (to, at, cause) }

    /// The clocks of two controllers may differ a little.
    fileprivate func isRecent(at wall: WallTime, within span: Duration) -> Bool {
        abs(wall.milliseconds - at.milliseconds) < span.milliseconds
    }
}

extension HandOver {
    var record: JSON { .members(["to": .string(to), "at": at.json, "cause": .string(cause)]) }

    init(record json: JSON) throws(JSONError) {
        to = try json.string("to")
        at = WallTime(milliseconds: try json.integer("at"))
        cause = try json.string("cause")
    }
}
