import ApusAgent
import ApusContainers
import ApusExecutor
import ApusModel
import ApusTestKit
import Foundation
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1)))
struct ImageKeeperTests {
    private let one = InstanceID("AI-1")
    private let two = InstanceID("AI-2")

    /// A pull that waits until the test lets it go.
    private final class Valve: Sendable {
        private let state = Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

        func pass() async {
            await withCheckedContinuation { continuation in
                let isOpen = state.withLock { state in
                    if !state.isOpen { state.waiting.append(continuation) }
                    return state.isOpen
                }
                if isOpen { continuation.resume() }
            }
        }

        func open() {
            let waiting = state.withLock { state in
                state.isOpen = true
                return state.waiting
            }
            for continuation in waiting { continuation.resume() }
        }
    }

    private func keeper(_ engine: any ContainerEngine, ledger: ImageLedger? = nil, keepsImages: Bool = false)
        -> ImageKeeper
    {
        ImageKeeper(engine: engine, ledger: ledger, keepsImages: keepsImages, logger: LoopRig.logger)
    }

    @Test func `two that ask for one image at once fetch it once`() async throws {
        let valve = Valve()
        let engine = ScriptedEngine(pulling: { await valve.pass() })
        engine.base.change { $0.registry = ["new:1"] }
        let keeper = keeper(engine)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for id in [one, two] { group.addTask { try await keeper.fetch("new:1", for: id) { _ in } } }
            try await eventually("the pull begins") { engine.pulls == 1 }
            engine.base.change { _ = $0.images.insert("new:1") }
            valve.open()
            try await group.waitForAll()
        }
        #expect(engine.pulls == 1)
    }

    @Test func `who waits for another's pull goes on with it when that one gives up`() async throws {
        let engine = MemoryEngine()
        engine.change { $0.registry = ["new:1"] }
        let first = ScriptedEngine(pulling: {
            // The first pull lasts until its asker is cancelled, the second brings the image.
            // deadline: its asker is cancelled.
            try await Task.sleep(for: .seconds(3600))
        })
        let keeper = keeper(first)
        let asking = Task { try await keeper.fetch("new:1", for: one) { _ in } }
        try await eventually("the first pull begins") { first.pulls == 1 }
        let waiting = Task { try await keeper.fetch("new:1", for: two) { _ in } }
        asking.cancel()
        await #expect(throws: CancellationError.self) { try await asking.value }
        try await eventually("the other goes on") { first.pulls == 2 }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }

    @Test func `an image that Apus fetched goes when nothing needs it, one that was there stays`() async throws {
        let engine = MemoryEngine()
        engine.change { $0.registry = ["new:1"] }
        let keeper = keeper(engine)
        try await keeper.fetch("new:1", for: one) { _ in }
        try await keeper.fetch("app:1", for: two) { _ in }
        #expect(engine.change { $0.pulls } == 1, "what is there is not fetched")

        await keeper.sweep(inUse: [], live: [one])
        #expect(engine.change { $0.images } == ["app:1", "new:1"], "who asked for it has no container yet")
        await keeper.sweep(inUse: ["new:1"], live: [])
        #expect(engine.change { $0.images } == ["app:1", "new:1"], "an instance needs it")
        await keeper.sweep(inUse: [], live: [])
        #expect(engine.change { $0.images } == ["app:1"])
    }

    @Test func `an image that others' containers use stays, and goes with the last of them`() async throws {
        let engine = MemoryEngine()
        engine.change { $0.registry = ["new:1"] }
        let keeper = keeper(engine)
        try await keeper.fetch("new:1", for: one) { _ in }
        let other = try await engine.create(ContainerPlan(name: "other", image: "new:1", memoryMB: 1))
        await keeper.sweep(inUse: [], live: [])
        #expect(engine.change { $0.images.contains("new:1") })
        try await engine.remove(other, force: true, volumes: true)
        await keeper.sweep(inUse: [], live: [])
        #expect(!engine.change { $0.images.contains("new:1") })
    }

    @Test func `with caching no image is removed`() async throws {
        let engine = MemoryEngine()
        engine.change { $0.registry = ["new:1"] }
        let keeper = keeper(engine, keepsImages: true)
        try await keeper.fetch("new:1", for: one) { _ in }
        await keeper.sweep(inUse: [], live: [])
        #expect(engine.change { $0.images.contains("new:1") })
    }

    @Test func `what an earlier run fetched is known after a restart`() async throws {
        let scratch = try Scratch()
        let engine = MemoryEngine()
        engine.change { $0.registry = ["new:1"] }
        do {
            let directory = try scratch.directory()
            let disk = DiskThread()
            let ledger = ImageLedger(in: directory, disk: disk, logger: LoopRig.logger)
            try await keeper(engine, ledger: ledger).fetch("new:1", for: one) { _ in }
            try await disk.end()
            directory.close()
        }
        let directory = try scratch.directory()
        let disk = DiskThread()
        let ledger = ImageLedger(in: directory, disk: disk, logger: LoopRig.logger)
        #expect(ledger.known == FetchedImages(ids: ["new:1": "id of new:1"]))
        await keeper(engine, ledger: ledger).sweep(inUse: [], live: [])
        #expect(!engine.change { $0.images.contains("new:1") })
        try await disk.end()
        directory.close()
    }

    @Test(arguments: [false, true])
    func `an image that came when this executor was killed is ours`(wasThere: Bool) async throws {
        let scratch = try Scratch()
        let engine = MemoryEngine()
        func run(_ engine: any ContainerEngine, _ body: (ImageKeeper) async throws -> Void) async throws {
            let (directory, disk) = (try scratch.directory(), DiskThread())
            try await body(keeper(engine, ledger: ImageLedger(in: directory, disk: disk, logger: LoopRig.logger)))
            try await disk.end()
            directory.close()
        }
        engine.change { $0.registry = ["new:1"] }
        if wasThere { try await run(engine) { try await $0.fetch("new:1", for: one) { _ in } } }
        let slow = ScriptedEngine(
            over: engine,
            pulling: {
                engine.change { $0.tag("new:1", as: "the next") }
                // deadline: its asker is cancelled.
                try await Task.sleep(for: .seconds(3600))
            }
        )
        try await run(slow) { keeper in
            let asking = Task { try await keeper.fetch("new:1", for: two) { _ in } }
            try await eventually("the pull begins") { slow.pulls == 1 }
            asking.cancel()
            await #expect(throws: CancellationError.self) { try await asking.value }
        }
        engine.change { $0.moved = ["new:1": "the one after it"] }
        try await run(engine) { keeper in
            try await keeper.fetch("new:1", for: two) { _ in }
            #expect(try await engine.imageID(of: "new:1") == "the one after it", "it is asked for again")
            await keeper.sweep(inUse: [], live: [])
            #expect(try await engine.imageID(of: "new:1") == nil)
            #expect(engine.change { $0.untagged } == [])
        }
    }

    @Test func `what somebody brings after a fetch was given up is theirs`() async throws {
        let engine = MemoryEngine()
        let slow = ScriptedEngine(
            over: engine,
            // deadline: its asker is cancelled.
            pulling: { try await Task.sleep(for: .seconds(3600)) }
        )
        let keeper = keeper(slow, keepsImages: true)
        let asking = Task { try await keeper.fetch("new:1", for: one) { _ in } }
        try await eventually("the pull begins") { slow.pulls == 1 }
        asking.cancel()
        await #expect(throws: CancellationError.self) { try await asking.value }
        await keeper.sweep(inUse: ["new:1"], live: [one])
        engine.change { $0.tag("new:1", as: "built here") }
        try await keeper.fetch("new:1", for: one) { _ in }
        #expect(slow.pulls == 1, "it is not fetched over theirs")
    }

    @Test func `a tag that Apus fetched is asked for again, and the local image serves while the registry is away`()
        async throws
    {
        let engine = MemoryEngine()
        engine.change { $0.registry = ["new:1"] }
        let keeper = keeper(engine)
        try await keeper.fetch("new:1", for: one) { _ in }
        try await keeper.fetch("new:1", for: two) { _ in }
        #expect(engine.change { $0.pulls } == 2)
        engine.change { $0.registry = [] }
        try await keeper.fetch("new:1", for: two) { _ in }
        #expect(engine.change { $0.images.contains("new:1") })
    }

    @Test func `a tag that moved is fetched, and what it meant before is removed`() async throws {
        let engine = MemoryEngine()
        engine.change { $0.registry = ["new:1"] }
        let keeper = keeper(engine)
        try await keeper.fetch("new:1", for: one) { _ in }
        engine.change { $0.moved = ["new:1": "the next"] }
        try await keeper.fetch("new:1", for: two) { _ in }
        #expect(try await engine.imageID(of: "new:1") == "the next")
        #expect(engine.change { $0.untagged } == ["id of new:1"])
        await keeper.sweep(inUse: ["new:1"], live: [two])
        #expect(engine.change { $0.untagged } == [])
        #expect(engine.change { $0.images.contains("new:1") })
    }

    @Test func `an image that somebody put in the place of ours is used and stays`() async throws {
        let engine = MemoryEngine()
        engine.change { $0.registry = ["new:1"] }
        let keeper = keeper(engine)
        try await keeper.fetch("new:1", for: one) { _ in }
        engine.change { $0.tag("new:1", as: "built here") }
        try await keeper.fetch("new:1", for: two) { _ in }
        #expect(try await engine.imageID(of: "new:1") == "built here", "it is not fetched over theirs")
        await keeper.sweep(inUse: [], live: [])
        #expect(try await engine.imageID(of: "new:1") == "built here")
        #expect(engine.change { $0.untagged } == [], "ours is gone")
    }

    @Test func `what somebody gave a name stays though its tag has moved on`() async throws {
        let engine = MemoryEngine()
        engine.change { $0.registry = ["new:1"] }
        let keeper = keeper(engine)
        try await keeper.fetch("new:1", for: one) { _ in }
        engine.change { state in
            state.tag("kept:1", as: "id of new:1")
            state.moved = ["new:1": "the next"]
        }
        try await keeper.fetch("new:1", for: two) { _ in }
        await keeper.sweep(inUse: [], live: [])
        #expect(try await engine.imageID(of: "kept:1") == "id of new:1")
    }

    @Test func `how far a pull has come shows in the instance's state`() async throws {
        let valve = Valve()
        let engine = ScriptedEngine(pulling: { await valve.pass() })
        let told = Mutex<[String]>([])
        let performer = LoopRig.performer(engine)
        engine.base.change { $0.registry = ["new:1"] }
        valve.open()
        let outcome = await performer.perform(
            .pull(image: "new:1", timeout: .seconds(20)),
            for: one,
            progress: { text in told.withLock { $0.append(text) } }
        )
        #expect(outcome == .pulled)
        #expect(told.withLock { $0 } == ["1 of 2 layers fetched"])
    }
}
