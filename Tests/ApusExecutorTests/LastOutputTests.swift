import ApusAgent
import ApusContainers
import ApusExecutor
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// The output of containers of whose start nobody heard.
@Suite(.timeLimit(.minutes(1)))
struct LastOutputTests {
    @Test func `what a container wrote is kept though its start was never told`() async throws {
        let rig = try LoopRig()
        let engine = ScriptedEngine(
            startEnd: { throw ContainerError(.timedOut, doing: "starting", message: "the engine did not finish") },
            listBeginning: { count in
                if count > 1 { throw ContainerError(.timedOut, doing: "listing", message: "the engine did not finish") }
            }
        )
        defer { engine.base.end() }
        let logs = ScriptedLogs()
        logs.write("last words", at: 1)
        let root = "\(rig.scratch.path)/logs"
        let spec = LoopRig.spec(1)
        try await life(rig, engine, logs, root) { desk in
            _ = await desk.take(rig.leader.command(.start(spec)))
            try await eventually("it has started") { engine.base.names == ["app-1-AI-1"] }
            _ = await desk.take(rig.leader.command(.stop(spec.id, .scaledDown)))
            try await eventually("it is removed") { engine.base.created == 1 && engine.base.ids.isEmpty }
        }
        #expect(try texts(below: root) == [LogBench.line("last words", at: 1) + "\n"])
    }

    private func texts(below root: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: root).filter { $0.hasSuffix("/output.log") }
            .map { try String(contentsOfFile: "\(root)/\($0)", encoding: .utf8) }
    }

    /// An executor's loop with its logs around an engine.
    private func life(
        _ rig: LoopRig,
        _ engine: ScriptedEngine,
        _ logs: ScriptedLogs,
        _ root: String,
        _ body: (CommandDesk) async throws -> Void
    ) async throws {
        let logDisk = DiskThread()
        let capture = LogCapture(root: root, source: logs, disk: logDisk, logger: LoopRig.logger)
        try await LoopRig.life(
            in: rig.scratch,
            around: engine,
            logs: capture,
            reporting: { [leader = rig.leader] in leader.take($0) }
        ) { desk, _ in try await body(desk) }
        try await logDisk.end()
    }
}
