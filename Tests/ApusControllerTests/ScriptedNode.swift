import ApusController
import ApusEngine
import ApusModel
import ApusTestKit
import Synchronization
import Testing

/// An executor whose instances do what a test says; it speaks only when it is told to.
final class ScriptedNode: Sendable {
    private struct State {
        var isStalled = false
        var instances: [InstanceID: InstanceReport] = [:]
        var revision: Int64 = 0
        var fence: Fence?
        var troubles: [String] = []
    }
    private let state = Mutex(State())

    /// What comes of its orders from now on: nothing, or at once what was ordered.
    var isStalled: Bool {
        get { state.withLock { $0.isStalled } }
        set { state.withLock { $0.isStalled = newValue } }
    }

    var troubles: [String] {
        get { state.withLock { $0.troubles } }
        set { state.withLock { $0.troubles = newValue } }
    }

    /// Takes the controller's commands.
    var send: Controller.Send {
        { command, _ in
            self.state.withLock { state in
                state.revision += 1
                state.fence = max(state.fence ?? command.fence, command.fence)
                switch command.order {
                case .start(let spec):
                    state.instances[spec.id] = Self.started(spec, isStalled: state.isStalled, at: state.revision)
                case .stop(let id, let reason):
                    guard state.instances[id] != nil else { return .accepted(nil) }
                    if !state.isStalled {
                        state.instances[id]?.state = .stopped
                        state.instances[id]?.cause = .stopped(reason)
                        state.instances[id]?.revision = state.revision
                    }
                }
                return .accepted(state.instances[command.instance].flatMap { $0.state.isTerminal ? nil : $0 })
            }
        }
    }

    private static func started(_ spec: InstanceSpec, isStalled: Bool, at revision: Int64) -> InstanceReport {
        var report = healthy(spec)
        report.revision = revision
        if case .task = spec.owner {
            report.state = .running
            report.ports = []
        }
        if isStalled { report.state = .provisioning }
        return report
    }

    /// All that it has, to the controller.
    func report(to controller: Controller) async {
        let report = state.withLock { state in
            state.revision += 1
            var report = fullReport(
                state.instances.values.sorted { $0.id < $1.id },
                revision: state.revision,
                fence: state.fence
            )
            report.troubles = state.troubles.map { Trouble(nil, $0) }
            return report
        }
        guard case .answer(let answer) = await controller.inbox.submit(report) else { return }
        state.withLock { state in
            state.fence = max(state.fence ?? Fence(epoch: 0, sequence: 0), Fence(epoch: answer.epoch, sequence: 0))
        }
    }

    /// Moves its only instance of that owner that has not ended.
    func move(
        _ owner: Owner,
        to next: InstanceState,
        _ cause: EndCause? = nil,
        error: String = "",
        progress: String? = nil
    ) {
        state.withLock { state in
            state.revision += 1
            for (id, report) in state.instances where report.owner == owner && !report.state.isTerminal {
                state.instances[id]?.state = next
                state.instances[id]?.cause = cause
                state.instances[id]?.error = error
                state.instances[id]?.progress = progress
                state.instances[id]?.revision = state.revision
            }
        }
    }
}

/// Reports until the condition holds.
func eventually(
    _ what: String,
    _ node: ScriptedNode,
    _ controller: Controller,
    _ condition: () async throws -> Bool
) async throws {
    try await eventually("\(what)") {
        await node.report(to: controller)
        return try await condition()
    }
}
