import ApusModel
import ApusPlacement
import HashTreeCollections

/// Members heard, silent, lost and back.
extension Engine {
    mutating func admit(_ identity: NodeIdentity, at times: Times) {
        let description = NodeDescription(
            topology: Topology(nodes: [], sharing: .pinned),
            tags: [],
            metadata: [:]
        )
        state.members[identity.id] = Member(
            id: identity.id,
            key: identity.key,
            hostname: identity.hostname,
            port: identity.port,
            transport: identity.transport,
            description: description,
            presence: .joining,
            admitted: times.wall,
            heardAt: times.wall,
            heard: listening(times.now),
            incarnation: 0,
            applied: 0,
            acknowledged: 0,
            sequence: 0,
            instances: []
        )
        ledger.offer(
            identity.id,
            topology: description.topology,
            traits: HostTraits(hostname: identity.hostname)
        )
        updateAdmission(of: identity.id)
        touched.insert(RecordKey(.member, identity.id.rawValue))
        effects.append(.note("executor \(identity.id) (\(identity.hostname):\(identity.port)) is admitted"))
    }

    /// Tells the ledger what a member has now.
    mutating func offer(_ member: Member) {
        let description = member.description
        ledger.offer(
            member.id,
            topology: description.topology,
            traits: HostTraits(
                hostname: member.hostname,
                tags: Set(description.tags),
                zone: description.zone,
                metadata: description.metadata
            )
        )
    }

    /// Notes that a member spoke, in this run of its process.
    mutating func heard(_ member: inout Member, _ report: NodeReport, at times: Times) {
        let identity = report.identity
        member.heard = listening(times.now)
        member.heardAt = times.wall
        if report.troubles != member.troubles {
            let text = report.troubles.isEmpty ? "can serve again" : report.troubles.joined(separator: "; ")
            effects.append(.note("executor \(member.id) (\(member.hostname)): \(text)"))
            member.troubles = report.troubles
            wakeWaiting()
        }
        // Nothing was asked of it since: the next command will tell.
        if case .failing(_, let last) = member.reach, times.now - last > settings.lostAfter { member.reach = .reached }
        if let fence = report.fence { member.acknowledged = max(member.acknowledged, fence.epoch) }
        if identity.hostname != member.hostname || identity.port != member.port {
            (member.hostname, member.port) = (identity.hostname, identity.port)
            touched.insert(RecordKey(.member, member.id.rawValue))
        }
        if identity.incarnation > member.incarnation {
            member.incarnation = identity.incarnation
            member.applied = 0
            member.sequenceBefore = member.sequence
            for id in member.instances { state.instances[id]?.revision = 0 }
            if case .present = member.presence { member.presence = .joining }
        }
        switch member.presence {
        case .joining, .present:
            break
        case .silent:
            // Nothing was missed if its revisions still join up; if not, the full list follows.
            member.presence = member.applied > 0 ? .present : .joining
            effects.append(.note("executor \(member.id) is heard again"))
            wakeWaiting()
        case .lost:
            member.presence = .joining
            member.applied = 0
            touched.insert(RecordKey(.member, member.id.rawValue))
            effects.append(.note("executor \(member.id) is back after it was given up"))
        }
    }

    // MARK: reached or not

    /// A command did not arrive, or somebody else took it.
    mutating func notReached(_ id: ExecutorID, _ reason: String, at now: Moment) {
        guard var member = state.members[id], !member.isLost else { return }
        let wasUnreachable = isUnreachable(member)
        if case .failing(let since, _) = member.reach {
            member.reach = .failing(since: since, last: now)
        } else {
            member.reach = .failing(since: now, last: now)
        }
        state.members[id] = member
        guard isUnreachable(member), !wasUnreachable else { return }
        effects.append(.note("executor \(id) (\(member.hostname)) does not take commands: \(reason)"))
        updateAdmission(of: id)
    }

    mutating func reached(_ id: ExecutorID) {
        guard let member = state.members[id], member.reach != .reached else { return }
        state.members[id]?.reach = .reached
        guard isUnreachable(member) else { return }
        effects.append(.note("executor \(id) (\(member.hostname)) takes commands again"))
        updateAdmission(of: id)
        wakeWaiting()
    }

    /// Nothing more is given to one that takes nothing, though it is heard.
    private func isUnreachable(_ member: Member) -> Bool { member.reach.failing >= settings.silentAfter }

    mutating func watchMembers(at times: Times) {
        let now = listening(times.now)
        let late = state.members.values.filter { !$0.isLost && now - $0.heard >= settings.silentAfter }
        for member in late.sorted(by: { $0.id < $1.id }) {
            if now - member.heard >= settings.lostAfter {
                lose(member, at: times)
            } else if member.presence != .silent {
                state.members[member.id]?.presence = .silent
                updateAdmission(of: member.id)
                effects.append(.note("executor \(member.id) (\(member.hostname)) is silent"))
                updateMayStop()
            }
        }
    }

    /// Gives a member up: its instances are LOST and their places filled elsewhere.
    private mutating func lose(_ member: Member, at times: Times) {
        state.members[member.id]?.presence = .lost(since: times.wall)
        state.members[member.id]?.applied = 0
        updateAdmission(of: member.id)
        touched.insert(RecordKey(.member, member.id.rawValue))
        effects.append(
            .note("executor \(member.id) (\(member.hostname)) is lost, with \(member.instances.count) instances")
        )
        for id in member.instances { end(id, lostOn: member.hostname, at: times) }
        for id in strays.keys.sorted() where strays[id]?.executor == member.id {
            strays[id] = nil
            ledger.release(id)
        }
        updateMayStop()
        wakeWaiting()
    }

    mutating func end(_ id: InstanceID, lostOn hostname: String, at times: Times) {
        let error = "Instance lost: executor \(hostname) is not heard"
        end(id, as: .lost, cause: .executorLost, error: error, at: times)
    }

    /// Tells the ledger whether work may be placed on a member.
    mutating func updateAdmission(of id: ExecutorID) {
        guard let member = state.members[id] else { return }
        let admission: Admission =
            switch member.presence {
            case .joining: .closed(.joining)
            case .silent: .closed(.silent)
            case .lost: .closed(.lost)
            case .present where !member.troubles.isEmpty || isUnreachable(member): .closed(.suspended)
            case .present: member.hintBytes > Member.fullHintBytes ? .closed(.tooManyInstances) : .open
            }
        ledger.setAdmission(id, admission)
    }

    /// No STOP leaves before every member that can hear has recorded this epoch (`docs/architecture.md` §3).
    mutating func updateMayStop() {
        let allowed = state.members.allSatisfy { _, member in
            member.presence == .silent || member.isLost || member.acknowledged >= state.epoch
        }
        guard allowed != mayStop else { return }
        mayStop = allowed
        if allowed { wakeWaiting() }
    }
}
