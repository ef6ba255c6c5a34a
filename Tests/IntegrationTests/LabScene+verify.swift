import ApusClient
import ApusLab
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// What must hold at the end of a scenario.
extension LabScene {
    static var now: WallTime { WallTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000)) }

    func record() throws -> Record {
        Record(
            containers: try cluster.containers(),
            commands: try cluster.commands(),
            steady: try cluster.executors.map { try cluster.containers(on: $0).running(of: Self.steady) },
            time: Self.now
        )
    }

    /// All that was accepted since then was done, once and in order, and by command of one leader at a time.
    func verify(since before: Record, _ fate: SteadyFate, _ taskFate: TaskFate) async throws {
        for app in Self.changing {
            let last = await history.read(app.rawValue, by: -1) { try await api.application(app).expected }
            #expect(last == .done)
            try await isAsExpected(app)
        }
        try await until("all tasks have ended", log: { cluster.logTails }) {
            try check(try await api.tasks().isEmpty, "some have not")
        }
        let now = try record()
        let lost = try await lostTasks(in: now.containers)
        if taskFate == .run { #expect(lost.isEmpty) }
        #expect(tasks.faults(in: now.containers, lost: lost) == [])
        #expect(now.containers.startedAgain.filter { !before.containers.startedAgain.contains($0) } == [])
        #expect(now.commands.entries.count > before.commands.entries.count, "no executor was told anything")
        #expect(now.commands.lacks(of: before.commands) == [])
        #expect(now.commands.faults.filter { !before.commands.faults.contains($0) } == [])
        let violations = history.violations(initially: Self.firstCount)
        #expect(violations.isEmpty, "\(violations)")
        try await verifySteady(before, now, fate)
    }

    /// As many run as were asked for last, and no more.
    private func isAsExpected(_ app: AppID) async throws {
        try await until("\(app) is as it was asked for", within: .seconds(120), log: { cluster.logTails }) {
            let summary = try await api.application(app)
            let running = try cluster.containers().running(of: app).count
            try check(
                summary.operation == nil && summary.healthy == summary.expected && running == summary.expected,
                "\(summary.healthy) of \(summary.expected) are healthy, \(running) run"
            )
        }
    }

    /// Those accepted that never started, and whose end says that they did not run.
    private func lostTasks(in containers: ContainerRecord) async throws -> Set<TaskID> {
        var lost: Set<TaskID> = []
        for id in tasks.neverStarted(in: containers) {
            let end = try await api.task(id).result?.status
            if end == "LOST" || end == "FAILED" { lost.insert(id) }
        }
        return lost
    }

    private func verifySteady(_ before: Record, _ now: Record, _ fate: SteadyFate) async throws {
        let started = now.containers.starts(of: Self.steady) - before.containers.starts(of: Self.steady)
        let ended = now.containers.ends(of: Self.steady).count - before.containers.ends(of: Self.steady).count
        let gone = before.allSteady.subtracting(now.allSteady)
        let givenUp = Set(try await losses(since: before.time))
        switch fate {
        case .untouched:
            #expect(started == 0 && ended == 0)
            #expect(givenUp.isEmpty)
        case .replaced(let numbers, let ranOn):
            let had = numbers.reduce(into: Set<InstanceID>()) { $0.formUnion(before.steady[$1]) }
            #expect(givenUp == Set(numbers.map { cluster.executors[$0].process.machine.address }))
            #expect(!had.isEmpty)
            #expect(started == had.count && ended == had.count)
            #expect(ranOn ? gone.isEmpty : gone.isSubset(of: had), "what is healthy and older stays")
        }
    }
}
