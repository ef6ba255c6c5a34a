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
        ledger.offer(identity.id, topology: description.topology, tags: [])
        updateAdmission(of: identity.id)
        touched.insert(RecordKey(.member, identity.id.rawValue))
        effects.append(.note("executor \(identity.id) (\(identity.hostname):\(identity.port)) is admitted"))
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

    mutating func watchMembers(at times: Times) {
        let now = listening(times.now)
        for id in state.members.keys.sorted() {
            guard let member = state.members[id], !member.isLost else { continue }
            let silence = now - member.heard
            if silence >= settings.lostAfter {
                lose(member, at: times)
            } else if silence >= settings.silentAfter, member.presence != .silent {
                state.members[id]?.presence = .silent
                updateAdmission(of: id)
                effects.append(.note("executor \(id) (\(member.hostname)) is silent"))
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
        for id in member.instances {
            end(
                id,
                as: .lost,
                cause: .executorLost,
                error: "Instance lost: executor \(member.hostname) is not heard",
                at: times
            )
        }
        for id in strays.keys.sorted() where strays[id]?.executor == member.id {
            strays[id] = nil
            ledger.release(id)
        }
        updateMayStop()
        wakeWaiting()
    }

    /// Tells the ledger whether work may be placed on a member.
    mutating func updateAdmission(of id: ExecutorID) {
        guard let member = state.members[id] else { return }
        let admission: Admission =
            switch member.presence {
            case .joining: .closed(.joining)
            case .silent: .closed(.silent)
            case .lost: .closed(.lost)
            case .present where !member.troubles.isEmpty: .closed(.suspended)
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
