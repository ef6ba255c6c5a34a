import ApusEngine
import ApusModel
import ArgumentParser
import Foundation
import HashTreeCollections

/// What the engine alone takes of memory and processor time in a large cluster, against its aims.
struct EngineFigures: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "engine")

    @Option(help: "Executors of the large cluster, with 20 instances each.") var executors = 10_000
    @Option(help: "Instances of the largest cluster in which one change is measured.") var largest = 1_000_000

    func run() throws {
        try large()
        try changes()
    }

    /// Instances of an executor that has many.
    private static let crowd = 200

    private func show(_ name: String, _ value: Double, _ unit: String, _ against: String, limit: Double) {
        Row(name: name, value: value, unit: unit, against: against, ratio: value / limit, aim: 1).show()
    }

    // MARK: the large cluster

    private func large() throws {
        // The crowded ones are full: what one loses goes to the others.
        let crowded = Array(repeating: EngineScene.Machine(cores: Self.crowd, instances: Self.crowd), count: 5)
        var scene = try EngineScene(crowded + Array(repeating: .init(instances: 20), count: executors - 5))
        guard scene.isAtRest else { throw BenchError(description: "the large cluster did not come to rest") }
        show("engine-memory", try residentMegabytes(), "MB", "limit 1000 MB", limit: 1_000)
        for size in [1, 16] {
            let share = heartbeats(&scene, perTurn: size)
            show("engine-heartbeats-\(size)-a-turn", share, "cores", "5000 a second, limit 0.1 cores", limit: 0.1)
        }
        show("engine-lost-executor", try losses(&scene), "ms", "limit 20 ms", limit: 20)
    }

    /// The share of a core that 5,000 heartbeats a second take.
    private func heartbeats(_ scene: inout EngineScene, perTurn: Int) -> Double {
        let perSecond = 5_000
        let rounds = max(1, 30_000 / scene.executors.count)
        var beats = 0
        var spent = Duration.zero
        for _ in 0..<rounds {
            for first in stride(from: 0, to: scene.executors.count, by: perTurn) {
                let beating = first..<min(scene.executors.count, first + perTurn)
                scene.pass(.seconds(1) * beating.count / perSecond)
                spent += processorTime { scene.turn(beating: beating) }
                beats += beating.count
            }
        }
        return spent.inSeconds * Double(perSecond) / Double(beats)
    }

    /// The step that gives up an executor with 200 instances and places them elsewhere, without heartbeats of others.
    private func losses(_ scene: inout EngineScene) throws -> Double {
        var times: [Double] = []
        for silent in 0..<5 {
            let id = scene.executors[silent].identity.id
            scene.rest(for: .seconds(8), without: silent)
            guard scene.turn.committed.members[id]?.instances.count == Self.crowd else {
                throw BenchError(description: "executor \(silent) is gone before its time")
            }
            var last = 0.0
            for _ in 0..<400 where scene.turn.committed.members[id]?.instances.isEmpty == false {
                scene.pass(EngineScene.beat)
                last = processorTime { scene.turn(beating: 0..<0) }.inSeconds * 1000
                scene.turn(beating: scene.nextBeating(without: silent))
            }
            guard scene.turn.committed.members[id]?.instances.isEmpty == true else {
                throw BenchError(description: "executor \(silent) is not given up")
            }
            times.append(last)
            scene.obey()
            scene.rest(for: .seconds(12), without: silent)
            guard scene.isAtRest else { throw BenchError(description: "not all was placed elsewhere") }
            scene.rest(for: .seconds(4))
        }
        return times.median
    }

    private func residentMegabytes() throws -> Double {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") }),
            let kilobytes = line.split(separator: " ").dropFirst().first.flatMap({ Double($0) })
        else { throw BenchError(description: "no VmRSS of this process") }
        return kilobytes / 1024
    }

    // MARK: one change

    private func changes() throws {
        var smallest: Double?
        var size = 1_000
        while size <= largest {
            let time = try change(instances: size)
            if let smallest {
                Row(
                    name: "engine-change-\(size)",
                    value: time,
                    unit: "µs",
                    against: "\(rounded(smallest)) µs at 1000",
                    ratio: time / smallest,
                    aim: 4
                ).show()
            } else {
                smallest = time
            }
            size *= 10
        }
    }

    /// An instance ends, is replaced elsewhere, and that one becomes HEALTHY: two turns.
    private func change(instances: Int) throws -> Double {
        var scene = try EngineScene(Array(repeating: .init(instances: Self.crowd), count: instances / Self.crowd))
        let apps = scene.turn.committed.applications.keys.sorted()
        var times: [Double] = []
        for round in 0..<20 {
            for index in 0..<10 {
                let app = apps[(round * 7919 + index * apps.count / 10) % apps.count]
                guard let instance = scene.instance(of: app) else { continue }
                times.append(
                    processorTime {
                        scene.end(instance)
                        scene.obey()
                    }.inSeconds * 1e6
                )
            }
            scene.rest(for: .seconds(12))
        }
        guard scene.isAtRest else { throw BenchError(description: "not every instance was replaced") }
        return times.median
    }
}
