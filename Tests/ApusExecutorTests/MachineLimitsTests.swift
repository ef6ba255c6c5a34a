import ApusAgent
import ApusContainers
import ApusExecutor
import ApusModel
import Foundation
import Testing

/// What the machine's administrator forbids is refused there, with the limit's name.
@Suite(.timeLimit(.minutes(1)))
struct MachineLimitsTests {
    private let engine = MemoryEngine()
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func file(_ text: String, mode: Int = 0o644) throws -> String {
        let path = "\(try scratch.directory().path)/limits.yaml"
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }

    private func application(_ change: (inout ApplicationSpec) -> Void = { _ in }) -> InstanceSpec {
        var spec = LoopRig.spec(1)
        guard case .application(var application) = spec.workload else { preconditionFailure("it is an application") }
        change(&application)
        spec.workload = .application(application)
        return spec
    }

    private func outcome(_ text: String, _ spec: InstanceSpec) async throws -> Outcome {
        let limits = try LimitsFile(path: file(text), beside: MachineLimits())
        let image = spec.workload.executable.url
        engine.change { _ = $0.images.insert(image) }
        return await LoopRig.performer(engine, limits: limits).perform(
            .pull(image: image, timeout: .seconds(5)),
            for: spec.id,
            of: spec
        )
    }

    @Test func `each limit is named in the reason of what exceeds it`() async throws {
        let cases: [(String, String, InstanceSpec)] = [
            ("images: [good/]", "images", application()),
            ("images: [app:2]", "images", application()),
            ("users: [1000]", "users", application()),
            ("users: [1000]", "users", application { $0.userSpec = UserSpec(user: "root") }),
            ("users: [1000]", "users", application { $0.userSpec = UserSpec(user: "1000", group: "0") }),
            (
                "users: [1000]", "users",
                application {
                    $0.userSpec = UserSpec(user: "1000")
                    $0.volumes = [MountedVolume(pathInContainer: "/m", pathOnHost: "/data", mode: .readWrite)]
                    $0.configs = [ConfigSpec(localFilename: "/etc/x", source: .inline(data: [1]))]
                }
            ),
            (
                "{}", "logging",
                application { $0.logging = .rsyslog(server: "unix:///run/x", tagPrefix: nil, tagSuffix: nil) }
            ),
            ("arguments: false", "arguments", application { $0.args = ["--all"] }),
            ("largest: {cores: 1, memoryMB: 8}", "largest.memoryMB", application()),
            (
                "devices: [/dev/fuse]", "devices",
                application { $0.devices = [.direct(pathOnHost: "/dev/sda", pathInContainer: nil, permissions: .all)] }
            ),
            (
                "{}", "devices",
                application { $0.devices = [.direct(pathOnHost: "/dev/fuse", pathInContainer: nil, permissions: .all)] }
            ),
            (
                "{}", "deviceRequests",
                application {
                    $0.devices = [
                        .detailed(driver: nil, count: -1, deviceIDs: [], capabilities: [["gpu"]], options: [:])
                    ]
                }
            ),
        ]
        for (text, limit, spec) in cases {
            guard case .failed(let failure) = try await outcome(text, spec) else {
                Issue.record("\(text) did not forbid it")
                continue
            }
            #expect(failure.reason.contains("limit `\(limit)`"), "\(text): \(failure.reason)")
        }
    }

    @Test func `what is within the limits runs`() async throws {
        let text = """
            # What this machine gives.
            images: ["app:", registry.example.com/]
            users: [1000, "1000:1001"]
            devices: [/dev/fuse]
            largest: {cores: 8, memoryMB: 100000}
            """
        let spec = application {
            $0.userSpec = UserSpec(user: "1000", group: "1001")
            $0.logging = .rsyslog(server: "udp://logs:514", tagPrefix: nil, tagSuffix: nil)
            $0.devices = [.direct(pathOnHost: "/dev/fuse", pathInContainer: nil, permissions: .readWrite)]
        }
        #expect(try await outcome(text, spec) == .pulled)
    }

    @Test(arguments: [
        ("busybox:", "busybox:5000/evil:1", false), ("busybox:", "busybox:1.36", true), ("busybox", "busybox", true),
        ("busybox", "busybox/evil", false), ("busybox:1", "busybox:1.36", false), ("busybox:1", "busybox:1", true),
        ("registry.example.com", "registry.example.com.evil.org/x", false), ("registry/a", "registry/ab", false),
        ("registry.example.com/", "registry.example.com/a/b@sha256:0", true), ("registry/a/", "registry/ab", false),
        ("registry/a", "registry/a@sha256:0", true), ("", "busybox", false),
    ])
    func `an image is admitted by its name, not by what it begins with`(listed: String, image: String, isAdmitted: Bool)
        async throws
    {
        let outcome = try await outcome("images: ['\(listed)']", application { $0.executable.url = image })
        if isAdmitted {
            #expect(outcome == .pulled)
        } else {
            #expect("\(outcome)".contains("limit `images`"))
        }
    }

    @Test func `a user's name is refused: each image reads it as it likes`() throws {
        let path = try file("users: ['app:1000']")
        #expect { try LimitsFile(path: path, beside: MachineLimits()) } throws: { "\($0)".contains("give numbers") }
    }

    @Test func `the standard file holds from when it is there`() async throws {
        let path = try file("{}")
        try FileManager.default.removeItem(atPath: path)
        #expect(throws: ExecutorError.self) { try LimitsFile(path: path, beside: MachineLimits()) }
        let limits = try LimitsFile(path: path, isOptional: true, beside: MachineLimits())
        let performer = LoopRig.performer(engine, limits: limits)
        let spec = application { $0.args = ["--all"] }
        let job = Job.pull(image: "app:1", timeout: .seconds(5))
        #expect(await performer.perform(job, for: spec.id, of: spec) == .pulled)
        _ = try file("arguments: false")
        guard case .failed = await performer.perform(job, for: spec.id, of: spec) else {
            Issue.record("the new file was not looked at")
            return
        }
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/nowhere")
        guard case .failed = await performer.perform(job, for: spec.id, of: spec) else {
            Issue.record("a link that leads nowhere counts as no file")
            return
        }
    }

    @Test(arguments: ["users: [1000]", "{}"])
    func `where users are limited no program makes a container more than its user`(text: String) async throws {
        let limits = try LimitsFile(path: file(text), beside: MachineLimits())
        let spec = application { $0.userSpec = UserSpec(user: "1000") }
        let create = Job.create(spec, created: WallTime(milliseconds: 1), epoch: 1, ports: [])
        let outcome = await LoopRig.performer(engine, limits: limits).perform(create, for: spec.id, of: spec)
        guard case .created(let container, _) = outcome else {
            Issue.record("it was not created: \(outcome)")
            return
        }
        #expect(engine.change { $0.containers[container]?.plan.keepsUser } == (text != "{}"))
    }

    @Test(arguments: [
        ("{volumes: [/usr]}", "arguments: false", "limit `arguments`"),
        ("{volumes: [/usr]}", "volumes: []", "/usr/lib"),
    ])
    func `limits hold for a container that was made before they changed`(
        before: String,
        after: String,
        reason: String
    ) async throws {
        let path = try file(before)
        let performer = LoopRig.performer(engine, limits: try LimitsFile(path: path, beside: MachineLimits()))
        let spec = application {
            $0.args = ["--all"]
            $0.volumes = [MountedVolume(pathInContainer: "/m", pathOnHost: "/usr/lib", mode: .readOnly)]
        }
        let create = Job.create(spec, created: WallTime(milliseconds: 1), epoch: 1, ports: [])
        guard case .created(let container, _) = await performer.perform(create, for: spec.id, of: spec) else {
            Issue.record("it was not created")
            return
        }
        try after.write(toFile: path, atomically: false, encoding: .utf8)
        let outcome = await performer.perform(.start(container), for: spec.id, of: spec)
        guard case .failed(let failure) = outcome else {
            Issue.record("it was started")
            return
        }
        #expect(failure.reason.contains(reason), "\(failure.reason)")
    }

    @Test func `more instances than look-ups begin at once`() async throws {
        let performer = LoopRig.performer(engine, limits: try LimitsFile(path: file("{}"), beside: MachineLimits()))
        let spec = application()
        await withTaskGroup(of: Outcome.self) { group in
            for number in 0..<200 {
                group.addTask {
                    await performer.perform(
                        .pull(image: "app:1", timeout: .seconds(30)),
                        for: InstanceID("AI-\(number)"),
                        of: spec
                    )
                }
            }
            for await outcome in group { #expect(outcome == .pulled) }
        }
    }

    @Test func `a change of the file holds at once, a broken one starts nothing`() async throws {
        let path = try file("arguments: false")
        let performer = LoopRig.performer(engine, limits: try LimitsFile(path: path, beside: MachineLimits()))
        let spec = application { $0.args = ["--all"] }
        let job = Job.pull(image: "app:1", timeout: .seconds(5))
        guard case .failed = await performer.perform(job, for: spec.id, of: spec) else {
            Issue.record("arguments were not forbidden")
            return
        }
        try "arguments: true".write(toFile: path, atomically: false, encoding: .utf8)
        #expect(await performer.perform(job, for: spec.id, of: spec) == .pulled)
        try "argument: true".write(toFile: path, atomically: false, encoding: .utf8)
        guard case .failed(let failure) = await performer.perform(job, for: spec.id, of: spec) else {
            Issue.record("a misspelt limit was ignored")
            return
        }
        #expect(failure.reason.contains("there is no limit argument"), "\(failure.reason)")
    }

    @Test(arguments: [0o666, 0o664]) func `a file that others may write is refused`(mode: Int) throws {
        let path = try file("arguments: false", mode: mode)
        #expect { try LimitsFile(path: path, beside: MachineLimits()) } throws: { "\($0)".contains("chmod go-w") }
    }

    @Test func `a link is not followed, and a folder that others may write is refused`() throws {
        let path = try file("arguments: false")
        let folder = (path as NSString).deletingLastPathComponent
        try FileManager.default.createSymbolicLink(atPath: "\(folder)/link.yaml", withDestinationPath: path)
        #expect { try LimitsFile(path: "\(folder)/link.yaml", beside: MachineLimits()) } throws: {
            "\($0)".contains("symbolic link")
        }
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: folder)
        #expect { try LimitsFile(path: path, beside: MachineLimits()) } throws: {
            "\($0)".contains("others than its owner")
        }
    }

    @Test func `who pulls from a registry stands in a file that only its owner may read`() throws {
        let path = try file("registry.example.com:5000: {username: apus, password: '0123'}", mode: 0o600)
        _ = try RegistryList(path: path)
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
        #expect { try RegistryList(path: path) } throws: { "\($0)".contains("chmod 600") }
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        try "registry.example.com: {username: apus, pass: hunter2".write(
            toFile: path,
            atomically: false,
            encoding: .utf8
        )
        #expect { try RegistryList(path: path) } throws: { !"\($0)".contains("hunter2") }
        try #"{"auths": {"https://index.docker.io/v1/": {"auth": "YXB1czpzZWNyZXQ="}}}"#
            .write(toFile: path, atomically: false, encoding: .utf8)
        _ = try RegistryList(path: path)
    }
}
