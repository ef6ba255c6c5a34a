import ApusModel
import CZooKeeper
import Dispatch
import Synchronization

/// Servers answer no session that has seen more than they hold, as where they begin with empty disks or an older copy of
/// them, and never say so: it is found out by a new session, which they take.
extension ZooKeeperSession {
    /// Looks again and again while it is not connected.
    func renewLater() {
        let isUnderWay = state.withLock { state in
            defer { state.isRenewing = true }
            return state.isRenewing
        }
        if !isUnderWay { lookLater() }
    }

    private func lookLater() {
        queue.asyncAfter(deadline: .now() + .milliseconds(Int(settings.renewal.milliseconds))) { [weak self] in
            self?.look()
        }
    }

    /// On the queue of handles, as all that follows.
    private func look() {
        let isOver = state.withLock { state in
            if state.status.phase != .connecting { state.isRenewing = false }
            return !state.isRenewing
        }
        guard !isOver else { return }
        let timeout = Int32(clamping: settings.timeout.milliseconds)
        guard let pointer = zookeeper_init2(serverList, nil, timeout, nil, nil, ZOO_NO_LOG_CLIENTENV, onLog) else {
            return lookLater()
        }
        zoo_set_servers_resolution_delay(pointer, -1)
        follow(Probe(pointer: pointer), until: .now + settings.timeout)
    }

    /// Until it is connected, or that has taken too long.
    private func follow(_ probe: Probe, until end: ContinuousClock.Instant) {
        let isTaken = zoo_state(probe.pointer) == ZOO_CONNECTED_STATE
        guard isTaken || ContinuousClock.now >= end || status.phase != .connecting else {
            return queue.asyncAfter(deadline: .now() + .milliseconds(100)) { [self] in follow(probe, until: end) }
        }
        zookeeper_close(probe.pointer)
        guard isTaken else { return lookLater() }
        // Where the servers have only just come back, the old one needs a moment more.
        queue.asyncAfter(deadline: .now() + .milliseconds(Int(settings.timeout.milliseconds) / 2)) { [self] in
            beginAnew()
            lookLater()
        }
    }

    private func beginAnew() {
        let number = state.withLock { state in state.status.phase == .connecting ? state.handle?.number : nil }
        guard let number else { return }
        change { status in
            status.trouble = "the servers know less than this session has seen"
            status.generation += 1
        }
        reconnect(number)
    }
}

/// The client library's handle of a session that is only tried.
///
/// proof: used on the queue of handles alone, and closed there once.
private struct Probe: @unchecked Sendable {
    let pointer: OpaquePointer
}
