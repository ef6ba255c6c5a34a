import ApusModel
import Synchronization

extension ZooKeeperLeadership {
    /// How often each controller says that it is there.
    private static let signOfLife: Duration = .seconds(10)
    /// When a leader is looked for again that has not said yet where it is.
    private static let nextLook: Duration = .seconds(10)

    package func describe(_ bytes: [UInt8]) async throws(StoreError) {
        description.withLock { $0 = bytes }
        do throws(ZooKeeperError) { try await stayHere() } catch { throw error.storeError }
    }

    /// Says again and again that this controller is there, in each session.
    func staySeen() async {
        await withTaskGroup { group in
            group.addTask { [self] in
                for await status in session.statuses() where status.phase == .connected {
                    // try?: it is said again soon.
                    try? await stayHere()
                }
            }
            group.addTask { [self] in
                while !Task.isCancelled {
                    // try?: cancelled means that the loop ends.
                    try? await Task.sleep(for: Self.signOfLife)
                    // try?: it is said again soon.
                    try? await stayHere()
                }
            }
        }
    }

    /// Says that this controller is there, and what it says of itself.
    func stayHere() async throws(ZooKeeperError) {
        do throws(ZooKeeperError) {
            try await sayWhoIsHere()
        } catch {
            if error.isRefusal { tell(error) }
            throw error
        }
        let wasRefused = isRefused.withLock { isRefused in
            defer { isRefused = false }
            return isRefused
        }
        if wasRefused { note("ZooKeeper takes again what this controller says of itself") }
    }

    /// A refusal lasts until a person mends it: that is told once.
    private func tell(_ refusal: ZooKeeperError) {
        let wasRefused = isRefused.withLock { isRefused in
            defer { isRefused = true }
            return isRefused
        }
        guard !wasRefused else { return }
        let node = "\(session.settings.address.chroot)\(ZooKeeperTree.controller(id))"
        warn(
            """
            ZooKeeper refuses what this controller says of itself, so the others see it as it was, or not at all: \
            \(refusal). Mend that, or delete the node with `deleteall \(node)` in zkCli.sh, after `addauth digest` with the \
            credential: it is made anew within 10 s
            """
        )
    }

    private func sayWhoIsHere() async throws(ZooKeeperError) {
        let (own, here) = (ZooKeeperTree.controller(id), ZooKeeperTree.here(id))
        let found = try await session.exists(here)?.owner
        if let found, found != session.owner {
            // Two that took it from each other would do so for ever.
            guard store.state.withLock({ $0.attendance.mayTake(from: found) }) else { return }
            do throws(ZooKeeperError) { try await session.delete(here) } catch  where error.kind == .noNode {}
        }
        try await session.ensure(own)
        try await session.set(own, description.withLock(\.self))
        if found == nil || found != session.owner {
            do throws(ZooKeeperError) { try await session.create(here, [], .ephemeral) } catch {
                guard error.kind == .nodeExists else { throw error }
                // Whose it is the next look shows.
                return
            }
        }
        let owner = session.owner
        store.state.withLock { $0.attendance.isHere(in: owner) }
    }

    package var namesake: String? {
        guard store.state.withLock({ $0.attendance.hasNamesake }) else { return nil }
        return """
            another controller is at the same ZooKeeper servers under the id \(id): two have the same hostname and port. \
            Give one of them another --hostname, or another port, and start it again
            """
    }

    package func controllers() async throws(StoreError) -> [ControllerPresence] {
        let names: [String]
        let leader: String?
        do throws(ZooKeeperError) {
            names = try await session.children(ZooKeeperTree.controllers)
            leader = try await first(of: session.line())
        } catch {
            throw error.storeError
        }
        let ids = names.compactMap { NodeName.decoded($0) }.sorted()
        let found = try await store.gather(ids) { [self] id throws(ZooKeeperError) in
            try await presence(of: id, leader: leader)
        }
        return found.compactMap(\.self)
    }

    private func presence(of id: String, leader: String?) async throws(ZooKeeperError) -> ControllerPresence? {
        do throws(ZooKeeperError) {
            let (bytes, facts) = try await session.get(ZooKeeperTree.controller(id))
            return ControllerPresence(
                id: id,
                description: bytes,
                isPresent: try await session.exists(ZooKeeperTree.here(id)) != nil,
                isLeader: id == leader,
                lastSeen: WallTime(milliseconds: facts.modified)
            )
        } catch {
            guard error.kind == .noNode else { throw error }
            return nil
        }
    }

    func first(of line: [String]) async throws(ZooKeeperError) -> String? {
        for name in line {
            if let id = try await session.standing(name) { return String(decoding: id, as: UTF8.self) }
        }
        return nil
    }

    package func followLeader(_ tell: @Sendable (ControllerPresence?) async -> Void) async {
        var told: (id: String?, isKnown: Bool)?
        while !Task.isCancelled {
            let watch = Watch(session)
            do throws(ZooKeeperError) {
                let leader = try await first(of: session.line(watch: watch))
                var presence: ControllerPresence?
                if let leader { presence = try await self.presence(of: leader, leader: leader) }
                let isKnown = presence.map { !$0.description.isEmpty } ?? (leader == nil)
                let found = (presence?.id, isKnown)
                if told.map({ $0 != found }) ?? true { await tell(presence) }
                told = found
                // No watch tells of what it says of itself.
                if isKnown { await watch.wait() } else { await watch.wait(within: Self.nextLook) }
            } catch {
                // try?: cancelled means that the loop ends.
                try? await Task.sleep(for: Self.pause)
            }
        }
    }

    package func forget(_ id: String) async throws(StoreError) {
        do throws(ZooKeeperError) {
            guard try await session.exists(ZooKeeperTree.here(id)) == nil else { return }
            try await session.delete(ZooKeeperTree.controller(id))
        } catch {
            guard error.kind == .noNode else { throw error.storeError }
        }
    }
}

/// Whose the node is that shows a controller to be here, as this process found it.
struct Attendance: Sendable {
    /// The session in which this process made it last.
    private var own: Int64?
    /// Whose it was when this process came: of an earlier one under this id.
    private var earlier: Int64?
    /// Another controller that lives goes by the same id.
    private(set) var hasNamesake = false

    /// Whether it is not another's that lives, who can only have come after this process.
    mutating func mayTake(from owner: Int64) -> Bool {
        if own == nil { earlier = owner }
        hasNamesake = owner != own && owner != earlier
        return !hasNamesake
    }

    /// It is this process's own.
    mutating func isHere(in session: Int64?) { (own, hasNamesake) = (session, false) }
}
