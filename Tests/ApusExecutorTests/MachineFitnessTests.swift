import ApusContainers
import ApusExecutor
import ApusModel
import Foundation
import Testing

/// Whether a machine is fit for an executor, and how that is found out.
@Suite(.timeLimit(.minutes(1))) struct MachineFitnessTests {
    private static let version = EngineVersion(engine: "28.1", api: "1.41")

    /// One with which nothing is amiss.
    private static var fit: MachineFitness {
        let info = EngineInfo(storageDriver: "overlay2", isLiveRestoring: true)
        var fitness = MachineFitness(socket: "/run/docker.sock", engine: .answers(version, info))
        fitness.user = "op"
        fitness.kernel = "6.1.0-18-amd64"
        (fitness.cgroupVersion, fitness.cgroupControllers) = (2, ["cpuset", "cpu", "io", "memory"])
        fitness.topology = Topology(
            nodes: [Topology.Node(id: 0, cores: [0, 1, 2, 3], memoryMB: 8000)],
            sharing: .pinned
        )
        (fitness.totalMemoryMB, fitness.availableMemoryMB, fitness.swapMB) = (8000, 6000, 0)
        fitness.openFiles = 65_536
        fitness.clock = .synchronised
        fitness.folders = [folder(free: 50 << 30)]
        fitness.ports = [MachineFitness.Port(number: 11_000, purpose: "an executor", isFree: true)]
        return fitness
    }

    private static func folder(free: Int64) -> MachineFitness.Folder {
        MachineFitness.Folder(
            name: "state",
            path: "/var/lib/apus",
            space: .known(FileSystemSpace(total: 100 << 30, free: free))
        )
    }

    /// What is not in order, as `LEVEL subject`.
    private static func amiss(_ change: (inout MachineFitness) -> Void) -> [String] {
        var fitness = fit
        change(&fitness)
        return fitness.findings.filter { $0.level != .fine }.map { "\($0.level.rawValue) \($0.subject)" }
    }

    @Test func `a machine that is fit says so line by line`() {
        #expect(
            Self.fit.findings.map { "\($0.level.rawValue) \($0.subject): \($0.text)" } == [
                "OK docker: Docker 28.1 at /run/docker.sock, API 1.41",
                "OK docker storage: overlay2",
                "OK docker restart: containers live on while the engine restarts (live-restore)",
                "OK kernel: 6.1.0-18-amd64",
                "OK cgroups: version 2 with cpu, cpuset and memory",
                "OK cores: NUMA node 0: cores 0-3, 8000 MB",
                "OK memory: 6000 of 8000 MB available",
                "OK swap: none",
                "OK disk of state: /var/lib/apus: 51200 of 102400 MB free",
                "OK open files: up to 65536",
                "OK clock: synchronised",
                "OK port 11000: free for an executor",
                "OK network: unless told otherwise, controller and executor listen on 127.0.0.1 only",
            ]
        )
        #expect(
            Self.fit.findings.first?.json.serialized
                == #"{"level":"OK","subject":"docker","text":"Docker 28.1 at /run/docker.sock, API 1.41"}"#
        )
    }

    @Test func `whatever is amiss has its level and what to do`() {
        #expect(Self.amiss { $0.engine = .silent("nobody listens there") } == ["FAIL docker"])
        let info = EngineInfo(
            storageDriver: "vfs",
            isLiveRestoring: false,
            warnings: ["WARNING: No swap limit support"]
        )
        #expect(
            Self.amiss { $0.engine = .answers(Self.version, info) }
                == ["WARN docker storage", "WARN docker restart", "WARN docker"]
        )
        #expect(Self.amiss { $0.kernel = "4.9.0" } == ["WARN kernel"])
        #expect(Self.amiss { $0.cgroupVersion = nil } == ["FAIL cgroups"])
        #expect(Self.amiss { $0.cgroupControllers = ["cpu", "memory"] } == ["FAIL cgroups"])
        #expect(
            Self.amiss {
                $0.topology = nil
                $0.topologyFault = "no core is left"
            } == ["FAIL cores"]
        )
        #expect(Self.amiss { $0.availableMemoryMB = 100 } == ["WARN memory"])
        #expect(Self.amiss { $0.swapMB = 2048 } == ["WARN swap"])
        #expect(Self.amiss { $0.openFiles = 1024 } == ["WARN open files"])
        #expect(Self.amiss { $0.clock = .adrift } == ["WARN clock"])
        #expect(Self.amiss { $0.clock = .unknown } == ["WARN clock"])
        #expect(Self.amiss { $0.folders = [Self.folder(free: 9 << 30)] } == ["WARN disk of state"])
        #expect(Self.amiss { $0.folders = [Self.folder(free: 1 << 20)] } == ["FAIL disk of state"])
        #expect(Self.amiss { $0.folders[0].space = .unknown("it hangs") } == ["WARN disk of state"])
        #expect(Self.amiss { $0.ports[0].isFree = false } == ["WARN port 11000"])
        var broken = Self.fit
        broken.engine = .silent("x")
        #expect(broken.findings.filter { $0.level != .fine }.allSatisfy { !$0.advice.isEmpty })
    }

    @Test func `whoever may not use the engine's socket is told which group to join`() {
        var fitness = Self.fit
        fitness.engine = .silent("permission denied")
        fitness.isSocketForbidden = true
        #expect(fitness.findings.first?.text == "op may not use /run/docker.sock")
        #expect(fitness.findings.first?.advice == "sudo usermod -aG docker op, and log in again")
    }

    // MARK: looking at a machine

    private static func probed(_ files: [String: String]) async throws -> MachineFitness {
        let scratch = try Scratch()
        defer { withExtendedLifetime(scratch) {} }
        for (path, text) in files {
            let file = URL(filePath: scratch.path + path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try text.write(to: file, atomically: false, encoding: .utf8)
        }
        return await MachineProbe(below: scratch.path).complete(
            MachineFitness(socket: "\(scratch.path)/none.sock", engine: .silent("none")),
            folders: [("state", "\(scratch.path)/not/yet/there")],
            ports: []
        )
    }

    private static let machine = [
        "/proc/sys/kernel/osrelease": "6.1.0\n",
        "/proc/meminfo": "MemTotal: 8192000 kB\nMemFree: 5 kB\nMemAvailable: 4096000 kB\nSwapTotal: 1024000 kB\n",
        "/sys/devices/system/cpu/online": "0-1\n",
        "/run/systemd/timesync/synchronized": "",
    ]

    @Test func `a machine is looked at by what its kernel says`() async throws {
        var files = Self.machine
        files["/sys/fs/cgroup/cgroup.controllers"] = "cpuset cpu io memory pids\n"
        let fitness = try await Self.probed(files)
        #expect(fitness.kernel == "6.1.0")
        #expect(fitness.cgroupVersion == 2)
        #expect(fitness.cgroupControllers == ["cpuset", "cpu", "io", "memory", "pids"])
        #expect((fitness.totalMemoryMB, fitness.availableMemoryMB, fitness.swapMB) == (8000, 4000, 1000))
        #expect(fitness.topology?.nodes.map(\.cores) == [[0, 1]])
        #expect(fitness.clock.isSynchronised)
        #expect(fitness.openFiles ?? 0 > 0)
        guard case .known(let space)? = fitness.folders.first?.space else {
            Issue.record("the folder above counts: \(fitness.folders)")
            return
        }
        #expect(space.total > 0)
    }

    @Test func `a relative path begins in the working directory`() {
        let here = FileManager.default.currentDirectoryPath
        #expect(MachineProbe.nearest(to: "not/yet/there-\(UUID())") == here)
        #expect(MachineProbe.nearest(to: "/not-there-\(UUID())") == "/")
    }

    @Test func `the first cgroups are told by their table, and what is switched off is missing`() async throws {
        var files = Self.machine
        files["/proc/cgroups"] = """
            #subsys_name\thierarchy\tnum_cgroups\tenabled
            cpuset\t4\t2\t1
            cpu\t5\t2\t1
            memory\t0\t2\t0
            """
        let fitness = try await Self.probed(files)
        #expect(fitness.cgroupVersion == 1)
        #expect(fitness.cgroupControllers == ["cpuset", "cpu"])
    }

    @Test func `a machine that tells nothing is no fit one, and no crash`() async throws {
        let fitness = try await Self.probed([:])
        #expect(fitness.cgroupVersion == nil && fitness.topology == nil && fitness.kernel == nil)
        let failed = fitness.findings.filter { $0.level == .failure }.map(\.subject)
        #expect(failed.filter { !$0.hasPrefix("disk") } == ["docker", "cgroups", "cores"])
    }

    @Test func `a port that somebody listens on is taken`() async throws {
        let port = AnsweringPort(answer: nil)
        defer { port.stop() }
        let fitness = await MachineProbe().complete(
            MachineFitness(socket: "/nonexistent.sock", engine: .silent("none")),
            folders: [],
            ports: [(port.port, "a test")]
        )
        #expect(fitness.ports.map(\.isFree) == [false])
    }
}

extension MachineFitness.Clock {
    fileprivate var isSynchronised: Bool { if case .synchronised = self { true } else { false } }
}
