import ApusModel
import CZooKeeper
import Dispatch
import Synchronization

/// The servers' names are looked up here, and the client library is told addresses.
///
/// It would look all of them up wherever it goes on, and where DNS is slow send no sign of life meanwhile; and a name
/// that is not found once would cost it a sound connection.
extension ZooKeeperSession {
    private static let firstPause: Duration = .seconds(1)
    private static let longestPause: Duration = .seconds(5)

    /// Looks all names up, again and again while it is not connected or one of them was never found.
    func lookUpServers() {
        let isUnderWay = state.withLock { state in
            defer { state.isLookingUp = true }
            return state.isLookingUp
        }
        if !isUnderWay { names.async { [self] in lookUp(pausing: Self.firstPause) } }
    }

    /// On the queue of names, where nothing else waits: it blocks for as long as DNS does.
    private func lookUp(pausing pause: Duration) {
        // One name that takes long holds up no other.
        queue.asyncAfter(deadline: .now() + .milliseconds(Int(Self.firstPause.milliseconds))) { [weak self] in
            if let self, !serverList.isEmpty { useServers() }
        }
        for server in settings.address.servers where status.phase != .closed {
            let found = settings.lookUp(server)
            state.withLock { $0.servers.learn(found, of: server) }
        }
        let servers = settings.address.servers
        let goesOn = state.withLock { state in
            let isDone = state.status.phase == .connected && servers.allSatisfy { state.servers.knows($0) }
            state.isLookingUp = !isDone && state.status.phase != .closed
            return state.isLookingUp
        }
        queue.async { [self] in useServers() }
        guard goesOn else { return }
        // Without any address nothing else brings it on.
        let next = serverList.isEmpty ? Self.firstPause : min(pause * 2, Self.longestPause)
        names.asyncAfter(deadline: .now() + .milliseconds(Int(pause.milliseconds))) { [weak self] in
            self?.lookUp(pausing: next)
        }
    }

    /// Goes by what is known of the servers now; on the queue of handles.
    func useServers() {
        let list = serverList
        let (handle, phase) = state.withLock { ($0.handle, $0.status.phase) }
        guard let handle else { return connect() }
        // While it is connected it stays so: for a server that is new the library might leave a sound one.
        guard phase == .connecting, list != handle.servers, zoo_set_servers(handle.pointer, list) == ZOK.rawValue else {
            return
        }
        state.withLock { $0.handle?.servers = list }
    }

    /// The servers whose addresses are known; empty if none is.
    var serverList: String { state.withLock { $0.servers.list(of: settings.address.servers) } }
}
