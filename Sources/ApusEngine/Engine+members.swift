import ApusModel
import ApusPlacement
import HashTreeCollections

/// Members heard, silent, lost and back.
extension Engine {
    /// Makes it a member that nothing is known of yet; `lost` is the one of that id that was given up, if there was one.
    mutating func admit(_ identity: NodeIdentity, inPlaceOf lost: Member?, at times: Times) {
        let description = NodeDescription(
            topology: Topology(nodes: [], sharing: .pinned),
            tags: [],
            metadata: [:]
        )
        var member = Member(
            id: identity.id,
            key: identity.key,
            hostname: identity.hostname,
            port: identity.port,
            transport: identity.transport,
            description: description,
            admitted: times.wall
        )
        member.heard = listening(times.now)
        member.contact = freshContact
        member.sequence = sequenceForgotten
        if let lost {
            // What operators want of an executor holds for whatever machine stands there.
            member.duty = lost.duty
            member.history = lost.history
        }
        let text = lost == nil ? "it was admitted" : "another machine, or another state directory, was admitted"
        member.history.record(.joining, text, at: times.wall)
        state.members[identity.id] = member
        ledger.offer(
            identity.id,
            topology: description.topology,
            traits: HostTraits(hostname: identity.hostname)
        )
        updateAdmission(of: identity.id)
        wake(.member(identity.id), at: soonest(listening(times.now) + settings.silentAfter))
        touched.insert(RecordKey(.member, identity.id.rawValue))
        effects.append(.note("executor \(identity.id) (\(identity.hostname):\(identity.port)) is admitted"))
    }

    /// Whoever comes back under any id has recorded no greater sequence of this leader's.
    mutating func forget(_ member: Member) {
        state.members[member.id] = nil
        ledger.withdraw(member.id)
        sequenceForgotten = max(sequenceForgotten, member.sequence)
    }

    /// Tells the ledger what a member has now.
    mutating func offer(_ member: Member) {
        ledger.offer(member.id, topology: member.description.topology, traits: member.traits)
        recount.insert(member.id)
    }

    /// Notes that a member spoke, in this run of its process.
    mutating func heard(_ member: inout Member, _ report: NodeReport, at times: Times) {
        let identity = report.identity
        member.heard = listening(times.now)
        member.heardAt = times.wall
        if report.troubles != member.troubles {
            let text = report.troubles.isEmpty ? "can serve again" : report.troubles.texts.joined(separator: "; ")
            effects.append(.note("executor \(member.id) (\(member.hostname)): \(text)"))
            member.troubles = report.troubles
            noted.members.insert(member.id)
            wakeWaiting()
        }
        // Their texts count what they tell of, so that each report may bring another.
        if report.warnings.isEmpty != member.warnings.isEmpty {
            let text = report.warnings.isEmpty ? "has no warnings left" : report.warnings.joined(separator: "; ")
            effects.append(.note("executor \(member.id) (\(member.hostname)): \(text)"))
        }
        member.warnings = report.warnings
        if report.load != member.load {
            member.load = report.load
            ledger.setLoad(member.id, report.load.map(HostLoad.init))
        }
        // Nothing was asked of it since: the next command will tell.
        if case .failing(_, let last) = member.reach, times.now - last > settings.lostAfter {
            noted.members.insert(member.id)
            member.reach = .reached
            member.unreachable = nil
        }
        if let fence = report.fence {
            member.acknowledged = max(member.acknowledged, fence.epoch)
            if fence > Fence(epoch: state.epoch, sequence: member.sequence) { overtaken(by: fence, on: member) }
        }
        if identity.hostname != member.hostname || identity.port != member.port
            || identity.transport != member.transport
        {
            member.change(hostname: identity.hostname, port: identity.port, transport: identity.transport)
            lookSoon(at: &member, times.now)
            for id in member.instances { state.readdress(id) }
            touched.insert(RecordKey(.member, member.id.rawValue))
        }
        if identity.incarnation > member.incarnation {
            if member.incarnation > 0 {
                member.history.record(.joining, "its process was started again", at: times.wall)
                touched.insert(RecordKey(.member, member.id.rawValue))
            }
            member.incarnation = identity.incarnation
            renewContact(with: &member, at: times.now)
            unheard.remove(member.id)
            member.applied = 0
            member.sequenceBefore = member.sequence
            for id in member.instances { state.change(id) { $0.revision = 0 } }
            if case .present = member.presence { member.presence = .joining }
        }
        isThere(&member, at: times)
    }

    /// One that was silent, or given up, is so no more.
    private mutating func isThere(_ member: inout Member, at times: Times) {
        switch member.presence {
        case .joining, .present:
            break
        case .silent:
            // Nothing was missed if its revisions still join up; if not, the full list follows.
            member.presence = member.applied > 0 ? .present : .joining
            member.lossHold = nil
            noted.members.insert(member.id)
            effects.append(.note("executor \(member.id) is heard again"))
            dirty.formUnion(waiting.take(for: member.id))
            wakeWaiting()
            wake(.member(member.id), at: soonest(member.heard + settings.silentAfter))
        case .lost:
            member.presence = .joining
            member.isReady = false
            member.applied = 0
            renewContact(with: &member, at: times.now)
            touched.insert(RecordKey(.member, member.id.rawValue))
            effects.append(.note("executor \(member.id) is back after it was given up"))
            wake(.member(member.id), at: soonest(member.heard + settings.silentAfter))
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
        state.members[id]?.unreachable = "does not take commands: \(reason)".clipped(toBytes: Self.longestError)
        noted.members.insert(id)
        effects.append(.note("executor \(id) (\(member.hostname)) does not take commands: \(reason)"))
        updateAdmission(of: id)
    }

    mutating func reached(_ id: ExecutorID) {
        guard var member = state.members[id], member.reach != .reached || member.contact.reach != .reached else {
            return
        }
        let wasTroubled = member.controlTrouble != nil
        member.reach = .reached
        member.unreachable = nil
        member.contact.succeeded()
        state.members[id] = member
        guard wasTroubled else { return }
        noted.members.insert(id)
        effects.append(.note("executor \(id) (\(member.hostname)) takes commands again"))
        updateAdmission(of: id)
        wakeWaiting()
    }

    /// Nothing more is given to one that takes nothing, though it is heard.
    private func isUnreachable(_ member: Member) -> Bool { member.reach.failing >= settings.silentAfter }

    /// Missed heartbeats make a member silent.
    mutating func noteSilence(of id: ExecutorID, at times: Times) {
        guard var member = state.members[id], !member.isLost, member.presence != .silent,
            listening(times.now) - member.heard >= settings.silentAfter
        else { return }
        member.presence = .silent
        lookSoon(at: &member, times.now)
        state.members[id] = member
        dirty.formUnion(waiting.take(for: id))
        updateAdmission(of: id)
        noted.members.insert(id)
        effects.append(.note("executor \(id) (\(member.hostname)) is silent"))
    }

    /// Gives a member up that was not heard for long enough, and says when to look again.
    ///
    /// Its alarm is set anew only when it rings, not with every heartbeat.
    mutating func watch(_ id: ExecutorID, at times: Times) {
        guard let member = state.members[id], !member.isLost else { return }
        let silence = listening(times.now) - member.heard
        // In maintenance nobody is given up; its end sets the alarm.
        if silence >= settings.lostAfter, !isInMaintenance {
            if let due = lossAwaited {
                wake(.member(id), at: due)
            } else if let due = heldLoss(of: id, at: times) {
                wake(.member(id), at: soonest(due))
            } else {
                lose(member, at: times)
            }
        }
        guard silence < settings.lostAfter else { return }
        let span = silence >= settings.silentAfter ? settings.lostAfter : settings.silentAfter
        wake(.member(id), at: soonest(member.heard + span))
    }

    /// Gives a member up: its instances are LOST and their places filled elsewhere.
    private mutating func lose(_ member: Member, at times: Times) {
        state.members[member.id]?.presence = .lost(since: times.wall)
        state.members[member.id]?.applied = 0
        state.members[member.id]?.lossHold = nil
        state.members[member.id]?.instances = []
        unheard.remove(member.id)
        dirty.formUnion(waiting.take(for: member.id))
        updateAdmission(of: member.id)
        touched.insert(RecordKey(.member, member.id.rawValue))
        effects.append(
            .note("executor \(member.id) (\(member.hostname)) is lost, with \(member.instances.count) instances")
        )
        for id in member.instances { end(id, lostOn: member.hostname, at: times) }
        for id in state.strays.keys.sorted() where state.strays[id]?.executor == member.id {
            forgetStray(id)
            recount.insert(member.id)
        }
        wakeWaiting()
    }

    mutating func end(_ id: InstanceID, lostOn hostname: String, at times: Times) {
        let error = "Instance lost: executor \(hostname) is not heard"
        end(id, as: .lost, cause: .executorLost, error: error, at: times)
    }

    /// Tells the ledger whether work may be placed on a member, and notes who else waits for it.
    mutating func updateAdmission(of id: ExecutorID) {
        guard let member = state.members[id] else {
            unheard.remove(id)
            joining.remove(id)
            silent.remove(id)
            lost.remove(id)
            behind.remove(id)
            capacity.offer(id, nil)
            markServices(on: id)
            updateMayStop()
            return
        }
        if member.presence == .present, !member.isReady, state.servicesAwaited(on: member).isEmpty { ready(member) }
        let offer = CapacityBook.Offer(topology: member.description.topology, traits: member.traits)
        capacity.offer(id, member.isLost || member.duty != .active ? nil : offer)
        if member.presence == .silent { silent.insert(id) } else { silent.remove(id) }
        if member.isLost { lost.insert(id) } else { lost.remove(id) }
        if member.presence == .joining { joining.insert(id) } else { joining.remove(id) }
        let isDeaf = member.presence == .silent || member.isLost
        if isDeaf || member.acknowledged >= state.epoch { behind.remove(id) } else { behind.insert(id) }
        updateMayStop()
        let admission = admission(of: state.members[id] ?? member)
        if admission != member.admission { state.members[id]?.admission = admission }
        guard ledger.admission(of: id) != admission else { return }
        ledger.setAdmission(id, admission)
        noted.members.insert(id)
        markServices(on: id)
        if admission == .open { wakeWaiting() }
    }

    /// Its required local services are healthy: it takes other work from now on, whatever becomes of them.
    private mutating func ready(_ member: Member) {
        state.members[member.id]?.isReady = true
        touched.insert(RecordKey(.member, member.id.rawValue))
    }

    private func admission(of member: Member) -> Admission {
        switch (member.presence, member.duty) {
        case (.lost, _): .closed(.lost)
        case (_, .blacklistRequested), (_, .blacklisted): .closed(.blacklisted)
        case (_, .suspended), (_, .suspendedAtOnce): .closed(.suspendedByOperator)
        case (_, .retiring): .closed(.retiring)
        case (.joining, .active): .closed(.joining)
        case (.silent, .active): .closed(.silent)
        case (.present, .active):
            if !member.troubles.isEmpty || isUnreachable(member) || member.contact.isUnreached {
                .closed(.suspended)
            } else if !member.contact.isVerified {
                .closed(.joining)
            } else {
                state.servicesAwaited(on: member).isEmpty ? .open : .closed(.unready)
            }
        }
    }

    /// No STOP leaves before every member that can hear has recorded this epoch (`docs/architecture.md` §3).
    private mutating func updateMayStop() {
        guard behind.isEmpty != mayStop else { return }
        mayStop = behind.isEmpty
        if mayStop { dirty.formUnion(waiting.takeToStop()) }
    }
}
