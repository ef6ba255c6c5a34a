import ApusContainers
import ApusModel
import ApusTestKit
import Foundation
import Testing

@Suite(.serialized, .timeLimit(.minutes(2)))
struct DockerEngineTests {
    @Test
    func `the engine and Apus agree on a version of the API`() async throws {
        try await TestEngine.run { test in
            let version = try await test.engine.version()
            #expect(!version.engine.isEmpty)
            #expect(version.api.hasPrefix("1."))
        }
    }

    @Test
    func `a container is created, started, seen, stopped and removed`() async throws {
        try await TestEngine.run { test in
            var plan = test.plan("whole")
            plan.environment = ["DROVE_INSTANCE_ID": "AI-1"]
            plan.cpuset = ContainerPlan.CPUSet(cores: [0], memoryNodes: [0])
            plan.openFiles = 1_234
            let id = try await test.engine.create(plan)
            let created = try await test.engine.inspect(id)
            #expect(created.state == .created)
            #expect(created.startedAt == nil)
            #expect(created.name == plan.name)
            #expect(created.labels == test.label)

            try await test.engine.start(id)
            let running = try await test.engine.inspect(id)
            #expect(running.state.isRunning)
            let age = Int64(Date().timeIntervalSince1970 * 1_000) - (running.startedAt?.milliseconds ?? 0)
            #expect(abs(age) < 60_000)
            // The kernel's own word on the process, whichever version of cgroups this is.
            let pid = try #require(running.pid)
            #expect(try Self.kernel("/proc/\(pid)/status", "Cpus_allowed_list:") == ["0"])
            #expect(try Self.kernel("/proc/\(pid)/limits", "Max open files").prefix(2) == ["1234", "1234"])

            // Before its shell has set the trap, process 1 of a container ignores SIGTERM.
            try await eventually("it catches SIGTERM") { try Self.catchesSIGTERM(pid) }
            try await test.engine.stop(id, grace: .seconds(20))
            #expect(try await test.engine.inspect(id).state == .exited(code: 0, outOfMemory: false))
            try await test.engine.remove(id, force: false, volumes: true)
            let error = try await containerError { _ = try await test.engine.inspect(id) }
            #expect(error.code == .notFound)
            #expect(error.message.contains("No such container"))
        }
    }

    @Test
    func `a container that does not listen to SIGTERM is killed after its grace`() async throws {
        try await TestEngine.run { test in
            let id = try await test.started(
                test.plan("deaf", command: ["sleep", "\(Int.random(in: 100_000...999_999))"])
            )
            try await test.engine.stop(id, grace: .seconds(1))
            #expect(try await test.engine.inspect(id).state == .exited(code: 137, outOfMemory: false))
        }
    }

    @Test
    func `a container over its memory limit is killed and said to be so`() async throws {
        try await TestEngine.run { test in
            var events = try await test.engine.events(labels: test.label).makeAsyncIterator()
            let hungry = ["dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"]
            // The engine learns of exit and memory kill separately, and 20.10 may lose the second: not five times.
            var isTold = false
            for attempt in 1...5 where !isTold {
                let id = try await test.started(test.plan("hungry\(attempt)", command: hungry, memoryMB: 16))
                var kinds: Set<ContainerEvent.Kind> = []
                while !kinds.contains(.destroyed), let event = try await events.next() {
                    kinds.insert(event.kind)
                    guard event.kind == .died(exitCode: 137) else { continue }
                    isTold = try await test.engine.inspect(id).state == .exited(code: 137, outOfMemory: true)
                    // Its removal is the last event: then all others have come.
                    try await test.engine.remove(id, force: true, volumes: true)
                }
                #expect(kinds.contains(.died(exitCode: 137)))
                if kinds.contains(.outOfMemory) { isTold = true }
            }
            #expect(isTold)
        }
    }

    @Test
    func `a published port is shown and taken for anyone else`() async throws {
        try await TestEngine.run { test in
            var (plan, port) = (test.plan("first"), Self.port())
            plan.ports = [port]
            var first = try await test.engine.create(plan)
            // Somebody else on this machine may have the port: not every time.
            for attempt in 1...20 {
                do { try await test.engine.start(first) } catch let error as ContainerError
                    where error.code == .portInUse && attempt < 20
                {
                    try await test.engine.remove(first, force: true, volumes: true)
                    port = Self.port()
                    plan.ports = [port]
                    first = try await test.engine.create(plan)
                    continue
                }
                break
            }
            #expect(try await test.engine.inspect(first).ports == [port])
            plan.name = test.plan("second").name
            let second = try await test.engine.create(plan)
            let error = try await containerError { try await test.engine.start(second) }
            #expect(error.code == .portInUse)
            #expect(error.description.hasPrefix("starting container \(second): "))
        }
    }

    @Test
    func `a name that exists is an error of its own`() async throws {
        try await TestEngine.run { test in
            _ = try await test.engine.create(test.plan("twin"))
            let error = try await containerError { _ = try await test.engine.create(test.plan("twin")) }
            #expect(error.code == .nameInUse)
        }
    }

    @Test
    func `an image that is not here is missing`() async throws {
        try await TestEngine.run { test in
            #expect(try await test.engine.imageID(of: test.image)?.hasPrefix("sha256:") == true)
            #expect(try await test.engine.imageID(of: "apus/nowhere:1") == nil)
            var plan = test.plan("imageless")
            plan.image = "apus/nowhere:1"
            let error = try await containerError { _ = try await test.engine.create(plan) }
            #expect(error.code == .imageMissing)
            #expect(error.message.contains("apus/nowhere:1"))
        }
    }

    @Test
    func `a pull that fails carries the engine's own message`() async throws {
        try await TestEngine.run { test in
            let error = try await containerError {
                try await test.engine.pull("127.0.0.1:1/none:1", deadline: .seconds(20))
            }
            #expect(error.code == .engine(status: 500))
            #expect(error.doing == "pulling image 127.0.0.1:1/none:1")
            #expect(error.message.contains("connection refused"))
        }
    }

    @Test
    func `stopping and removing what is not there is done`() async throws {
        try await TestEngine.run { test in
            let nobody = ContainerID("nobody-\(test.label["apus.test"] ?? "")")
            try await test.engine.stop(nobody, grace: .seconds(1))
            try await test.engine.remove(nobody, force: true, volumes: true)
            let error = try await containerError { try await test.engine.start(nobody) }
            #expect(error.code == .notFound)
        }
    }

    @Test
    func `a list has exactly the containers with all labels, stopped ones too`() async throws {
        try await TestEngine.run { test in
            let created = try await test.engine.create(test.plan("created"))
            var plan = test.plan("running")
            plan.labels["apus.more"] = "a=b \"c\""
            let running = try await test.started(plan)
            let all = try await test.engine.list(labels: test.label)
            #expect(Set(all.map(\.id)) == [created, running])
            #expect(all.filter(\.isRunning).map(\.id) == [running])
            #expect(all.first { $0.id == running }?.name == plan.name)
            let some = try await test.engine.list(labels: plan.labels)
            #expect(some.map(\.labels) == [plan.labels])
        }
    }

    @Test
    func `events tell of start, death with its code, and removal, now and again later`() async throws {
        try await TestEngine.run { test in
            let before = WallTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000) - 100)
            let events = try await test.engine.events(labels: test.label)
            let id = try await test.started(test.plan("brief", command: ["sh", "-c", "exit 7"]))
            var seen: [ContainerEvent.Kind] = []
            for try await event in events {
                #expect(event.container == id)
                #expect(event.labels["apus.test"] == test.label["apus.test"])
                seen.append(event.kind)
                if case .died = event.kind { try await test.engine.remove(id, force: true, volumes: true) }
                if event.kind == .destroyed { break }
            }
            #expect(seen == [.started, .died(exitCode: 7), .destroyed])

            var again: [ContainerEvent.Kind] = []
            for try await event in try await test.engine.events(labels: test.label, since: before) {
                again.append(event.kind)
                if event.kind == .destroyed { break }
            }
            #expect(again == seen)
        }
    }

    /// Below those that the kernel gives to connections.
    private static func port() -> PublishedPort {
        PublishedPort(
            hostAddress: "127.0.0.1",
            hostPort: Int.random(in: 20_000..<32_000),
            containerPort: 8_000,
            transport: .tcp
        )
    }

    private static func catchesSIGTERM(_ pid: Int) throws -> Bool {
        let mask = try #require(try UInt64(kernel("/proc/\(pid)/status", "SigCgt:").first ?? "", radix: 16))
        return mask & (1 << UInt64(SIGTERM - 1)) != 0
    }

    /// The words after a label in one of the kernel's files.
    private static func kernel(_ path: String, _ label: String) throws -> [String] {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(label) })
        return line.dropFirst(label.count).split { $0 == " " || $0 == "\t" }.map(String.init)
    }
}
