import CZooKeeper
import Synchronization

/// Tells once that something has changed, or that the session it was set in is over.
///
/// For one call; what fires after nobody holds it is dropped.
package final class Watch: Sendable {
    private let number: Int
    private let fired = Once<Void>()

    package init(_ session: ZooKeeperSession) {
        let fired = fired
        number = watches.withLock { watches in
            watches.last += 1
            watches.open[watches.last] = (fired, ObjectIdentifier(session))
            return watches.last
        }
    }

    deinit {
        let number = number
        _ = watches.withLock { $0.open.removeValue(forKey: number) }
    }

    /// It tells nothing any more.
    ///
    /// Until then it may be set again by the same call, and is one watch still.
    package var hasFired: Bool { fired.value != nil }

    /// Waits until it fires, or the task is cancelled.
    package func wait() async { _ = await fired.wait() }

    /// The same for so long at most.
    package func wait(within limit: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [self] in await wait() }
            // try?: cancelled means that the other one was first.
            group.addTask { try? await Task.sleep(for: limit) }
            await group.next()
            group.cancelAll()
        }
    }

    var function: watcher_fn { onWatch }
    var context: UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: number) }

    static func fireAll(of session: ZooKeeperSession) {
        let own = watches.withLock { watches in
            let own = watches.open.filter { $0.value.session == ObjectIdentifier(session) }
            for number in own.keys { watches.open[number] = nil }
            return own.values.map(\.fired)
        }
        for fired in own { fired.happen(()) }
    }
}

/// The watches that the library may still fire, by number, and whose they are.
private let watches = Mutex<(last: Int, open: [Int: (fired: Once<Void>, session: ObjectIdentifier)])>((0, [:]))

private let onWatch: watcher_fn = { _, type, state, _, context in
    // A pending watch hears of every change of the session, and stays pending.
    guard type != ZOO_SESSION_EVENT || state == ZOO_EXPIRED_SESSION_STATE else { return }
    let number = Int(bitPattern: context)
    watches.withLock { $0.open.removeValue(forKey: number) }?.fired.happen(())
}
