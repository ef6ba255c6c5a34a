import ApusContainers
import ApusExecutor
import ApusTestKit
import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Testing

/// A Docker engine of one test's own, which may be stopped, ended and starved; needs root, or sudo.
///
/// Everything of it lies below one short directory. It has a bridge of its own and leaves the packet filter alone, so
/// that no other engine on the machine feels it.
final class OwnEngine: Sendable {
    let directory: String
    let image: String
    private let bridge: String
    private let options: String
    private let shell: RootShell

    var socketPath: String { "\(directory)/docker.sock" }
    var dataRoot: String { "\(directory)/data" }

    /// Runs a test on an engine that answers and has the test image; nothing is left of it, whatever happens.
    ///
    /// `diskMB` bounds what it can store.
    static func run(
        liveRestore: Bool = true,
        diskMB: Int? = nil,
        _ body: @Sendable (OwnEngine) async throws -> Void
    ) async throws {
        let engine = try OwnEngine(liveRestore: liveRestore)
        let result: Result<Void, any Error>
        do {
            try await engine.prepare(diskMB: diskMB)
            try await engine.start()
            try await engine.loadImage()
            try await body(engine)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await engine.clear()
        try result.get()
    }

    private init(liveRestore: Bool) throws {
        image = try #require(ProcessInfo.processInfo.environment["APUS_TEST_IMAGE"], "scripts/test sets it")
        let number = Int.random(in: 0..<65_536)
        directory = "\(FileManager.default.temporaryDirectory.path)/own\(number)"
        bridge = "apust\(number)"
        options = liveRestore ? "--live-restore" : ""
        // With this process the shell ends, however it ends, and all of the engine with the shell.
        shell = try RootShell(clearing: Self.clearing(directory, bridge))
    }

    /// Ends the engine with its containers, and removes all that is below the directory, and the bridge.
    private static func clearing(_ directory: String, _ bridge: String) -> String {
        """
        cd /
        pid=$(cat '\(directory)/pid' 2>/dev/null)
        if [ -n "$pid" ]; then kill -CONT $pid; fi
        call() { curl -s --max-time 30 --unix-socket '\(directory)/docker.sock' "$@"; }
        for id in $(call 'http://docker/containers/json?all=1' | grep -o '"Id":"[0-9a-f]*"' | cut -d '"' -f 4); do
            call -X DELETE "http://docker/containers/$id?force=1&v=1"
        done
        if [ -n "$pid" ]; then
            kill $pid
            waited=0
            while sh -c "kill -0 $pid" && [ $waited -lt 150 ]; do sleep 0.2; waited=$((waited + 1)); done
            sh -c "kill -0 $pid" && kill -9 $pid
        fi
        # Whatever is still mounted below it, deepest first.
        awk '{ print $5 }' /proc/self/mountinfo | grep '^\(directory)/' | sort -r | xargs -r -n 1 umount
        ip link del \(bridge)
        rm -rf '\(directory)'
        """
    }

    private func prepare(diskMB: Int?) async throws {
        try await asRoot("mkdir -p '\(dataRoot)' && echo \(bridge) >'\(directory)/bridge'")
        if let diskMB { try await asRoot("mount -t tmpfs -o size=\(diskMB)m tmpfs '\(dataRoot)'") }
        let subnet = abs(bridge.utf8.reduce(0) { $0 * 31 + Int($1) }) % 256
        try await asRoot("ip link add \(bridge) type bridge")
        try await asRoot("ip addr add 10.213.\(subnet).1/24 dev \(bridge)")
        try await asRoot("ip link set \(bridge) up")
    }

    /// Starts it and waits until it answers.
    func start() async throws {
        try await asRoot(
            """
            { dockerd -H 'unix://\(socketPath)' --data-root '\(dataRoot)' --exec-root '\(directory)/exec' \
            --pidfile '\(directory)/pid' --bridge \(bridge) --iptables=false --ip-masq=false --ip-forward=false \
            --group \(getegid()) \(options) >>'\(directory)/log' 2>&1 & }
            """
        )
        let engine = DockerEngine(socketPath: socketPath, callTimeout: .seconds(1))
        do {
            try await eventually("the test's own engine answers; see \(directory)/log") {
                do { return try await !engine.version().engine.isEmpty } catch is ContainerError { return false }
            }
        } catch {
            try await engine.shutdown()
            throw error
        }
        try await engine.shutdown()
    }

    /// Has it end in its own way and waits until it has.
    func end() async throws {
        guard let pid = pid else { return }
        try await asRoot("kill \(pid)")
        // A command of its own: while it waits for that, the shell takes the ended engine off the table of processes.
        try await eventually("the test's own engine ends") { try await shell.run("sh -c 'kill -0 \(pid)'") != 0 }
    }

    /// It stands still: it takes connections, for the kernel does, and answers nothing.
    func freeze() async throws { try await asRoot("kill -STOP \(try #require(pid))") }

    func thaw() async throws { try await asRoot("kill -CONT \(try #require(pid))") }

    private var pid: Int32? {
        guard let text = FileManager.default.contents(atPath: "\(directory)/pid") else { return nil }
        return Int32(String(decoding: text, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
    }

    private func loadImage() async throws {
        let tests = try #require(ProcessInfo.processInfo.environment["APUS_TEST_DOCKER_SOCKET"])
        let saved = try await Self.call(.GET, tests, "/images/\(image)/get", body: nil)
        _ = try await Self.call(.POST, socketPath, "/images/load?quiet=1", body: saved)
    }

    private static func call(
        _ method: HTTPMethod,
        _ socket: String,
        _ path: String,
        body: ByteBuffer?
    ) async throws -> ByteBuffer {
        let place = try #require(socket.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
        var request = HTTPClientRequest(url: "http+unix://\(place)\(path)")
        request.method = method
        request.headers.add(name: "Host", value: "docker")
        if let body {
            request.headers.add(name: "Content-Type", value: "application/x-tar")
            request.body = .bytes(body)
        }
        let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        let bytes = try await answer.body.collect(upTo: 1 << 28)
        try #require(answer.status == .ok, "\(path): \(String(buffer: bytes))")
        return bytes
    }

    private func clear() async {
        // proof: it is awaited here; a task of its own because a test over its time is cancelled, and with it all awaiting.
        await Task {
            do {
                let status = try await shell.run("clear; [ ! -e '\(directory)' ]")
                try #require(status == 0, "something is left in \(directory)")
            } catch {
                Issue.record("the test's own engine could not be cleared away: \(error)")
            }
            try? shell.close()
        }.value
    }

    func asRoot(_ line: String) async throws {
        let status = try await shell.run(line)
        try #require(status == 0, "`\(line)` ended with \(status)")
    }
}
