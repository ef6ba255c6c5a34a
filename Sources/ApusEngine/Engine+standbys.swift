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
    /// The last leader gave way a moment ago: before this one does too, what was wrong may have passed.
    private static let pauseBetweenHandOvers = Duration.seconds(60)
    /// If leaders gave way to each other so often, and none of them hears the members, another change helps nobody.
    private static let mostHandOvers = 3
    /// A leadership that was handed over longer ago has served.
    private static let handOversAreLinkedFor = Duration.seconds(300)

    /// What a leader knows of its own place among its members.
    enum Outlook: Hashable, Sendable {
        /// Half of them or more are heard.
        case clear
        /// More than half are silent, and until then nobody is given up: what standbys reach is not known yet.
        case asking(until: Moment)
        /// Another one reaches more, but the leadership was handed over a moment ago: that is asked again then, and until
        /// then nobody is given up.
        case waiting(until: Moment)
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
        case .asking(let end), .waiting(let end), .leaving(let end): end
        case .clear, .settled: nil
        }
    }

    /// Looks how many are silent, before any of them is given up.
    mutating func lookAround(at now: Moment) {
        guard let patience = settings.standbyPatience else { return }
        guard isMostlySilent else { return outlook = .clear }
        switch outlook {
        case .clear: askStandbys(until: now + patience)
        case .waiting(let end) where now >= end: askStandbys(until: now + patience)
        case .asking(let end) where now >= end:
            settle("what the controllers reach that stand by was not known in time", at: now)
        case .leaving(let end) where now >= end: settle("the leadership was not handed over in time", at: now)
        case .asking, .waiting, .leaving, .settled: break
        }
    }

    private mutating func askStandbys(until end: Moment) {
        outlook = .asking(until: end)
        effects.append(
            .note(
                "\(silent.count) of \(membersNotLost) executors are silent: none is given up before it is known what the "
                    + "controllers reach that stand by"
            )
        )
        effects.append(.askStandbys)
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
        let last = state.facts.handOver.flatMap { age(of: $0, at: times) < Self.handOversAreLinkedFor ? $0 : nil }
        if let last {
            guard last.inSuccession < Self.mostHandOvers else {
                return settle(
                    "\(cause), but leaders gave way to each other \(last.inSuccession) times already",
                    at: times.now
                )
            }
            let age = age(of: last, at: times)
            if age < Self.pauseBetweenHandOvers {
                effects.append(
                    .note("\(cause), but the leadership was handed over for that a moment ago: it stays a while")
                )
                return outlook = .waiting(until: times.now + Self.pauseBetweenHandOvers - age)
            }
        }
        state.facts.handOver = HandOver(
            to: farthest.id,
            at: times.wall,
            cause: cause,
            under: state.epoch,
            inSuccession: (last?.inSuccession ?? 0) + 1
        )
        touched.insert(ClusterFacts.key)
        outlook = .leaving(until: times.now + patience)
        effects.append(.note("\(cause): it is to lead"))
        effects.append(.handOver(to: farthest.id))
    }

    /// How long ago it was: who leads by it goes by its own time in office, for the clocks of two controllers may differ.
    private func age(of handOver: HandOver, at times: Times) -> Duration {
        if handOver.epoch == state.epoch - 1 { return times.now - began }
        return .milliseconds(abs(times.wall.milliseconds - handOver.at.milliseconds))
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
    /// Of the leader that made way; `nil` if that is not known, as of one of an earlier version.
    var epoch: Epoch?
    /// The how many-th of several that followed each other within minutes.
    var inSuccession = 1

    init(to: String, at: WallTime, cause: String, under epoch: Epoch, inSuccession: Int) {
        (self.to, self.at, self.cause, self.epoch, self.inSuccession) = (to, at, cause, epoch, inSuccession)
    }
}

extension HandOver {
    var record: JSON {
        .members([
            "to": .string(to), "at": at.json, "cause": .string(cause), "epoch": epoch.map { .integer($0) },
            "inSuccession": inSuccession > 1 ? .integer(Int64(inSuccession)) : nil,
        ])
    }

    init(record json: JSON) throws(JSONError) {
        to = try json.string("to")
        at = WallTime(milliseconds: try json.integer("at"))
        cause = try json.string("cause")
        if json["epoch"] != nil { epoch = try json.integer("epoch") }
        if json["inSuccession"] != nil { inSuccession = Int(clamping: try json.integer("inSuccession")) }
    }
}
