import ApusModel

/// One direction between an executor and the controller.
struct Link: Hashable, Sendable {
    var executor: Int
    var isUp: Bool
}

/// One direction of one channel: reports and their answers are data, commands, looks at ports and theirs are control.
struct Flow: Hashable, Sendable {
    var executor: Int
    var isUp: Bool
    var channel: NodeChannel
}

/// Messages are lost, repeated, late and overtake each other.
extension World {
    /// How long a caller waits for an answer.
    static let callTimeout = Duration.seconds(2)

    mutating func transmit(_ event: Event, on link: Link) {
        guard !cuts.contains(Flow(executor: link.executor, isUp: link.isUp, channel: event.channel)) else { return }
        guard !chances.network.hits(profile.loss) else {
            met(.messageLost)
            return
        }
        deliver(event, on: link, after: transit())
        guard chances.network.hits(profile.repetition) else { return }
        met(.messageRepeated)
        deliver(event, on: link, after: transit() + chances.network.milliseconds(0...3000))
    }

    private mutating func transit() -> Duration {
        guard chances.network.hits(profile.lateness) else { return chances.network.milliseconds(0...3) }
        met(.messageLate)
        return chances.network.milliseconds(20...6000)
    }

    private mutating func deliver(_ event: Event, on link: Link, after delay: Duration) {
        let due = agenda.now + delay
        if let last = lastArrivals[link], due < last {
            met(.messageOvertaken)
        } else {
            lastArrivals[link] = due
        }
        agenda.add(event, at: due)
    }
}

extension Event {
    /// On which a message goes.
    fileprivate var channel: NodeChannel {
        switch self {
        case .commandArrives, .commandAnswered, .commandFails, .probeArrives, .probeAnswered: .control
        default: .data
        }
    }
}
