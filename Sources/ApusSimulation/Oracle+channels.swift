import ApusEngine
import ApusModel
import HashTreeCollections

/// Which channel of an executor fails is named, and none that does not.
extension Oracle {
    /// As long as things stay as they are, all looks and silences show within that time.
    private static let certain = Duration.seconds(30)
    /// Whoever was heard so lately is not silent.
    private static let lately = Duration.seconds(5)

    /// How an executor is cut off: what it says does not arrive, or what it is asked has no answer.
    struct Severance: Equatable {
        var control: Bool
        var data: Bool
    }

    /// Something of that executor has changed, so that a channel may come or go.
    mutating func disturbed(_ executor: Int, at now: Moment) { disturbedAt[executor] = now }

    /// For a while nothing was decided.
    mutating func disturbed(at now: Moment) { undecidedAt = now }

    /// What came of a look at an executor's port reached the leader.
    mutating func looked(at probe: Probe, _ outcome: ProbeOutcome, at now: Moment) {
        switch outcome {
        case .answered(_, let executor, let incarnation): reached[executor, default: []].insert(incarnation)
        case .failed: unreached(probe.executor, at: now)
        }
    }

    /// Looked at every few seconds, while the leader can decide.
    mutating func checkChannels(of host: SimulatedExecutor, _ cut: Severance, _ state: ClusterState, at now: Moment) {
        guard let member = state.members[host.identity.id], member.key == host.identity.key else {
            // Its channels are looked at from when it is a member.
            return disturbed(host.index, at: now)
        }
        let steady = max(disturbedAt[host.index] ?? .zero, undecidedAt, listeningSince)
        guard now - steady > Self.certain else { return }
        let named = Set(member.failures.channels)
        let isHeard = now - (heardAt[member.key] ?? .zero) < Self.lately
        if cut.control, !member.isLost { check(.control, isNamed: named.contains(.control), of: host) }
        if cut.data { check(.data, isNamed: named.contains(.data), of: host) }
        // What is named of a lost one is of before: nobody looks at its port.
        if !cut.control, !member.isLost, named.contains(.control),
            now - (unreachedAt[member.id] ?? .zero) > Self.certain
        {
            violated("control of e\(host.index) is named, and nothing failed to reach it")
        }
        if !cut.data, isHeard, named.contains(.data) { violated("data of e\(host.index) is named, and it is heard") }
    }

    private mutating func check(_ channel: NodeChannel, isNamed: Bool, of host: SimulatedExecutor) {
        guard isNamed else { return violated("\(channel.word) of e\(host.index) is cut, and it is not named") }
        channelsNamed[channel, default: 0] += 1
    }
}

extension World {
    /// Of every executor whose process runs.
    mutating func checkChannels(_ state: ClusterState) {
        for host in executors where host.process != nil && !host.isStopped {
            let cut = Oracle.Severance(
                control: [true, false].contains { isUp in
                    cuts.contains(Flow(executor: host.index, isUp: isUp, channel: .control))
                },
                data: cuts.contains(Flow(executor: host.index, isUp: true, channel: .data))
            )
            oracle.checkChannels(of: host, cut, state, at: agenda.now)
        }
    }
}
