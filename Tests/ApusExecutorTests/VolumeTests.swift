import ApusAgent
import ApusContainers
import ApusExecutor
import ApusModel
import Foundation
import Testing

/// What an executor lets its containers mount.
struct VolumeTests {
    private let engine = MemoryEngine()
    private let scratch: Scratch
    private let root: String

    init() throws {
        scratch = try Scratch()
        // Where the temporary directory truly is.
        root = URL(filePath: scratch.path).resolvingSymlinksInPath().path
        for name in ["data/shop", "database", "secret"] {
            try FileManager.default.createDirectory(atPath: "\(root)/\(name)", withIntermediateDirectories: true)
        }
        for (name, target) in [("data/out", "../secret"), ("data/in", "shop"), ("data/nowhere", "\(root)/later")] {
            try FileManager.default.createSymbolicLink(atPath: "\(root)/\(name)", withDestinationPath: target)
        }
    }

    private func create(_ path: String, allowed: [String], mode: MountedVolume.Mode = .readOnly) async -> Outcome {
        var spec = LoopRig.spec(1)
        guard case .application(var application) = spec.workload else { preconditionFailure("it is an application") }
        application.volumes = [MountedVolume(pathInContainer: "/in", pathOnHost: path, mode: mode)]
        spec.workload = .application(application)
        var limits = MachineLimits()
        limits.volumes = allowed
        let performer = LoopRig.performer(engine, limits: LimitsFile(limits))
        return await performer.perform(
            .create(spec, created: WallTime(milliseconds: 7), epoch: 3, ports: []),
            for: spec.id,
            portsInUse: []
        )
    }

    @Test(
        arguments: [
            ("/data", "/data"), ("/data/shop", "/data/shop"), ("/data//shop/./", "/data/shop"),
            ("/database/../data/shop", "/data/shop"), ("/data/in", "/data/shop"), ("/data/new/deep", "/data/new/deep"),
        ]
    )
    func `what lies below an allowed directory is mounted where it truly is`(path: String, place: String) async {
        guard case .created = await create(root + path, allowed: ["\(root)/data/"]) else {
            Issue.record("\(path) was not mounted")
            return
        }
        let directories = engine.change { $0.containers.values.flatMap(\.plan.directories) }
        #expect(
            directories == [BoundDirectory(hostPath: root + place, containerPath: "/in", isReadOnly: true)]
        )
    }

    @Test(
        arguments: [
            "/secret", "/database", "/data/../secret", "/data/out", "/data/out/new", "/data/nowhere", "/data/nowhere/x",
            "/data/new/../../secret", "",
        ]
    )
    func `nothing else is, whatever leads there`(path: String) async {
        let refusal = "Volume mount requested on non whitelisted host directory: \(root)\(path)"
        #expect(
            await create(root + path, allowed: ["\(root)/data"]) == .failed(JobFailure(.other, reason: refusal))
        )
        #expect(engine.ids.isEmpty)
    }

    @Test
    func `without allowed directories no volume is mounted, and a relative path never`() async {
        for (path, allowed) in [("\(root)/data", []), ("data", ["/"]), ("./data", [root])] {
            let refusal = "Volume mount requested on non whitelisted host directory: \(path)"
            #expect(await create(path, allowed: allowed) == .failed(JobFailure(.other, reason: refusal)))
        }
    }

    @Test
    func `a directory may be written to if the specification says so`() async {
        _ = await create("\(root)/data", allowed: ["/"], mode: .readWrite)
        #expect(engine.change { $0.containers.values.flatMap(\.plan.directories).map(\.isReadOnly) } == [false])
    }
}
