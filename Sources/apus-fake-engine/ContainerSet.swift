import ApusModel
import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// The containers of one engine.
final class ContainerSet: Sendable {
    /// An answer other than a good one.
    struct Refusal: Error {
        var status: Int
        var message: String
    }

    private struct State {
        var containers: [String: FakeContainer] = [:]
        var events: [FakeEvent] = []
        var followers: [Int: AsyncStream<FakeEvent>.Continuation] = [:]
        var lastFollower = 0
    }

    /// As many as the real one remembers.
    private static let remembered = 256
    /// For one that is not there to take them; then it hears no more, and asks again.
    private static let mostUnread = 10_000

    private let state = Mutex(State())
    private let record: EventRecord

    init(_ record: EventRecord) { self.record = record }

    func create(named name: String, _ json: JSON) throws -> String {
        let container: FakeContainer
        do {
            container = try FakeContainer(named: name, json: json)
        } catch {
            throw Refusal(status: 400, message: "\(error)")
        }
        try state.withLock { state in
            if let other = state.containers.values.first(where: { $0.name == name }) {
                throw Refusal(status: 409, message: "The name \(name) is already in use by container \(other.id)")
            }
            state.containers[container.id] = container
            note(.create, container, &state)
        }
        return container.id
    }

    /// - Returns: whether it did not run already.
    func start(_ name: String) async throws -> Bool {
        let begun = try state.withLock { state -> FakeContainer? in
            var container = try Self.container(name, state)
            switch container.state {
            case .running, .starting: return nil
            case .created, .exited: break
            }
            container.state = .starting
            state.containers[container.id] = container
            return container
        }
        guard let container = begun else { return false }
        let listeners: [any Channel]
        do {
            listeners = try await PublishedPorts.listen(container.ports, answering: container.page)
        } catch {
            state.withLock { $0.containers[container.id]?.state = .created }
            let message = "driver failed programming external connectivity: address already in use: \(error)"
            throw Refusal(status: 500, message: message)
        }
        let isThere = state.withLock { state in
            guard state.containers[container.id] != nil else { return false }
            state.containers[container.id]?.state = .running
            state.containers[container.id]?.listeners = listeners
            note(.start, container, &state)
            return true
        }
        guard isThere else {
            try await PublishedPorts.close(listeners)
            throw Refusal(status: 404, message: "No such container: \(name)")
        }
        if case .ends(let after, let code) = container.work {
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            loop.scheduleTask(in: .nanoseconds(after.nanoseconds)) { _ = self.end(container.id, code: code) }
        }
        return true
    }

    /// - Returns: whether it ran.
    func stop(_ name: String) async throws -> Bool {
        let id = try state.withLock { try Self.container(name, $0).id }
        guard let listeners = end(id, code: 143) else { return false }
        try await PublishedPorts.close(listeners)
        return true
    }

    func remove(_ name: String, force: Bool) async throws {
        let container = try state.withLock { try Self.container(name, $0) }
        guard force || !container.isRunning else {
            throw Refusal(status: 409, message: "You cannot remove a running container \(container.id)")
        }
        if let listeners = end(container.id, code: 137) { try await PublishedPorts.close(listeners) }
        state.withLock { state in
            guard state.containers.removeValue(forKey: container.id) != nil else { return }
            note(.destroy, container, &state)
        }
    }

    func container(_ name: String) throws -> FakeContainer { try state.withLock { try Self.container(name, $0) } }

    func list(_ labels: [String: String]) -> [FakeContainer] {
        state.withLock { state in
            state.containers.values.filter { Self.has($0.labels, labels) }.sorted { $0.id < $1.id }
        }
    }

    /// What happens to containers with these labels from now on, and before that since a time in nanoseconds.
    func events(_ labels: [String: String], since: Int64?) -> AsyncStream<FakeEvent> {
        let (events, follower) = AsyncStream<FakeEvent>.makeStream(bufferingPolicy: .bufferingOldest(Self.mostUnread))
        state.withLock { state in
            if let since {
                for event in state.events where event.time >= since { follower.yield(event) }
            }
            state.lastFollower += 1
            let number = state.lastFollower
            state.followers[number] = follower
            follower.onTermination = { _ in _ = self.state.withLock { $0.followers.removeValue(forKey: number) } }
        }
        return events
    }

    /// Ends when the container does, or now if it does not run.
    func untilEnd(of name: String) throws -> AsyncStream<Void> {
        let (ends, end) = AsyncStream<Void>.makeStream()
        try state.withLock { state in
            let container = try Self.container(name, state)
            if container.isRunning { state.containers[container.id]?.readers.append(end) } else { end.finish() }
        }
        return ends
    }

    static func has(_ labels: [String: String], _ wanted: [String: String]) -> Bool {
        wanted.allSatisfy { labels[$0] == $1 }
    }

    /// - Returns: what listened on its ports, to be closed; `nil` if it did not run.
    private func end(_ id: String, code: Int64) -> [any Channel]? {
        state.withLock { state in
            guard let container = state.containers[id], container.isRunning else { return nil }
            state.containers[id]?.state = .exited(code)
            state.containers[id]?.listeners = []
            state.containers[id]?.readers = []
            for reader in container.readers { reader.finish() }
            note(.die, container, code: code, &state)
            return container.listeners
        }
    }

    private func note(
        _ kind: FakeEvent.Kind,
        _ container: FakeContainer,
        code: Int64? = nil,
        _ state: inout State
    ) {
        let event = FakeEvent(
            kind: kind,
            container: container.id,
            labels: container.labels,
            time: Int64(Date().timeIntervalSince1970 * 1_000_000) * 1_000,
            code: code
        )
        record.note(event)
        state.events = state.events.suffix(Self.remembered - 1) + [event]
        for follower in state.followers.values { follower.yield(event) }
    }

    /// By its name or id.
    private static func container(_ name: String, _ state: State) throws -> FakeContainer {
        guard let found = state.containers[name] ?? state.containers.values.first(where: { $0.name == name }) else {
            throw Refusal(status: 404, message: "No such container: \(name)")
        }
        return found
    }
}
