import ApusClient
import ApusController
import ApusEngine
import ApusModel
import ApusTestKit
import Logging
import Synchronization
import Testing

/// Wrong passwords are slowed down, right ones remembered for a moment, and none is told to anybody.
@Suite(.timeLimit(.minutes(2))) struct LoginTests {
    private let time = ManualTime()

    private func ping(
        _ controller: Controller,
        _ name: String,
        _ password: String = CallerRig.password,
        from source: String = "192.0.2.1"
    ) async -> Int {
        await controller.call("GET", "ping", CallerRig.basic(name, password), from: source).status
    }

    @Test func `ten wrong passwords from an address close it for the rest of a minute`() async throws {
        let rig = CallerRig(users: CallerRig.users, secrets: [CallerRig.secret], credentials: CallerRig.basic("root"))
        try await withController(store: MemoryStore(), time: time.source, callers: rig) { controller in
            #expect(await ping(controller, "reader") == 200)
            for number in 1...FailureLimit.most {
                let name = number.isMultiple(of: 2) ? "writer" : "nobody\(number)"
                #expect(await ping(controller, name, "wrong") == 401)
            }
            let refused = await controller.call("GET", "ping", CallerRig.basic("writer"))
            #expect(refused.status == 429)
            #expect(refused.retryAfter == 60)
            #expect(
                refused.json?["message"] == "Too many wrong credentials came from this address; try again in 60 s"
            )
            // Who was right a moment ago goes on, and so do nodes and other addresses.
            #expect(await ping(controller, "reader") == 200)
            #expect(await controller.call("GET", "ping", ["Cluster-Authorization": CallerRig.secret]).status == 200)
            #expect(await ping(controller, "writer", from: "192.0.2.2") == 200)
            #expect(await controller.call("GET", "ping").status == 401)

            time.advance(by: .milliseconds(59_500))
            let later = await controller.call("GET", "ping", CallerRig.basic("keeper"))
            #expect(later.status == 429 && later.retryAfter == 1)
            time.advance(by: .milliseconds(500))
            #expect(await ping(controller, "keeper") == 200)
        }
    }

    @Test func `wrong node secrets and tokens are slowed down, and shut nobody else out`() async throws {
        let rig = CallerRig(users: CallerRig.users, secrets: [CallerRig.secret], credentials: CallerRig.basic("root"))
        try await withController(store: MemoryStore(), time: time.source, callers: rig) { controller in
            func show(_ header: String, _ value: String = "wrong") async -> Int {
                await controller.call("GET", "ping", [header: value], from: "192.0.2.9").status
            }
            for number in 1...FailureLimit.most {
                let header = number.isMultiple(of: 2) ? "Cluster-Authorization" : "App-Instance-Authorization"
                #expect(await show(header) == 401)
            }
            #expect(await show("Cluster-Authorization") == 429)
            #expect(await show("Cluster-Authorization", CallerRig.secret) == 200)
            #expect(await ping(controller, "writer", from: "192.0.2.9") == 200)
        }
    }

    @Test func `a right password is remembered for the address that it came from alone`() async throws {
        let rig = CallerRig(users: CallerRig.users, credentials: CallerRig.basic("root"))
        try await withController(store: MemoryStore(), time: time.source, callers: rig) { controller in
            #expect(await ping(controller, "reader", from: "192.0.2.1") == 200)
            for _ in 1...FailureLimit.most { _ = await ping(controller, "reader", "wrong", from: "192.0.2.2") }
            #expect(await ping(controller, "reader", from: "192.0.2.2") == 429, "whoever guesses is told nothing")
            #expect(await ping(controller, "reader", from: "192.0.2.1") == 200)
        }
    }

    @Test func `many logins at once are all answered, and guesses among them stop at the limit`() async throws {
        try await withController(store: MemoryStore(), callers: .roles) { controller in
            let statuses = await withTaskGroup(of: Int.self) { group in
                for _ in 0..<40 { group.addTask { await ping(controller, "writer", from: "192.0.2.3") } }
                for number in 0..<20 {
                    group.addTask { await ping(controller, "root", "guess \(number)", from: "192.0.2.4") }
                }
                return await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
            }
            #expect(statuses[200] == 40)
            // Two are looked at together.
            let looked = statuses[401] ?? 0
            #expect(looked == FailureLimit.most || looked == FailureLimit.most + 1)
            #expect(looked + (statuses[429] ?? 0) == 20)
        }
    }

    @Test func `what is remembered ends after a minute, and with a change at once`() async throws {
        try await withController(store: MemoryStore(), time: time.source, callers: .roles) { controller in
            func fail() async {
                for _ in 0..<FailureLimit.most { _ = await ping(controller, "nobody", "wrong") }
            }
            #expect(await ping(controller, "writer") == 200)
            time.advance(by: .seconds(30))
            await fail()
            #expect(await ping(controller, "writer") == 200)
            time.advance(by: .seconds(31))
            #expect(await ping(controller, "writer") == 429, "it is to be looked at again, and that is closed")
            time.advance(by: .seconds(31))

            #expect(await ping(controller, "writer") == 200)
            let root = CallerRig.basic("root")
            let demotion = await controller.call(
                "PUT",
                "users/writer",
                root,
                body: #"{"role":"read-only"}"#,
                from: "::1"
            )
            #expect(demotion.status == 200)
            let change = await controller.call("POST", "operations", CallerRig.basic("writer"), body: "{}")
            #expect(change.status == 403)
            let body = #"{"passwordHash":"\#(CallerRig.otherHash)"}"#
            #expect(await controller.call("PUT", "users/writer", root, body: body, from: "::1").status == 200)
            #expect(await ping(controller, "writer") == 401)
            #expect(await ping(controller, "writer", CallerRig.otherPassword) == 200)
            #expect(await controller.call("DELETE", "users/writer", root, from: "::1").status == 200)
            #expect(await ping(controller, "writer", CallerRig.otherPassword) == 401)
        }
    }

    @Test func `no password, hash, secret or token is in an answer or in the log`() async throws {
        let told = Recorder<String>()
        var rig = CallerRig(users: CallerRig.users, secrets: [CallerRig.secret], credentials: CallerRig.basic("root"))
        rig.logger = Logger(label: "test") { _ in Listening(to: told) }
        rig.logger.logLevel = .trace
        let (store, password) = (MemoryStore(), "a long password")
        try await withController(store: store, callers: rig) { controller in
            let root = CallerRig.basic("root")
            let calls = [
                ("PUT", "users/alice", #"{"role":"root","password":"\#(password)"}"#),
                ("PUT", "users/bob", #"{"role":"root","password":"short!!"}"#),
                ("PUT", "users/bob", #"{"role":"root","passwordHash":"$2b$99$nonsense"}"#),
                (
                    "POST", "users",
                    #"{"encoding":"PLAIN","users":[{"username":"eve","password":"short!!","role":"x"}]}"#
                ),
                ("GET", "users", ""), ("POST", "cluster/instance-keys/rotate", ""), ("DELETE", "users/alice", ""),
            ]
            for (method, path, body) in calls {
                let answer = await controller.call(method, path, root, body: body)
                told.add(answer.json?.serialized ?? "")
            }
            for _ in 0...FailureLimit.most { _ = await ping(controller, "reader", "a wrong password") }
            _ = await controller.call("GET", "ping", ["Cluster-Authorization": "a wrong secret of nodes"])
        }
        let keys = try await store.list(.cluster).first { $0.key.id == "instance-keys" }
        let key = try #require(try JSON(parsing: keys?.bytes ?? []).strings("keys").first)
        let secrets = [
            password, "short!!", "nonsense", "$2b$04$", "$2b$10$", CallerRig.password, "a wrong password",
            CallerRig.secret,
            "a wrong secret", key,
        ]
        for text in told.all { for secret in secrets { #expect(!text.contains(secret), "\(text)") } }
        #expect(told.all.contains { $0.contains("too many wrong passwords") })
        #expect(told.all.contains { $0.contains("a user was set") && $0.contains("alice") && $0.contains("root") })
    }
}

/// Keeps all that is logged.
struct Listening: LogHandler {
    let told: Recorder<String>
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    init(to told: Recorder<String>) { self.told = told }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { told.add("\(event.message) \(event.metadata ?? [:])") }
}
