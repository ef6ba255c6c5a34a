import ApusClient
import ApusController
import ApusModel
import ApusTestKit
import Testing

/// Who is let in, and in which order that is decided (contract §0.3, §0.5, §8).
@Suite(.timeLimit(.minutes(2))) struct AccessTests {
    // MARK: roles and routes

    /// What contract §8.2 does not allow everybody, and who may do it.
    private static let restricted: [(roles: Set<Role>, operations: [String])] = [
        (
            [.root, .readWrite],
            [
                "POST applications/operations", "POST operations", "POST applications/operations/{id}/cancel",
                "POST operations/{id}/cancel", "POST tasks/operations", "POST localservices/operations",
                "POST localservices/operations/{id}/cancel", "POST instances/{id}/exec",
            ]
        ),
        (
            // Drove's documentation promises maintenance to read-write users too.
            [.root, .readWrite, .maintenance],
            [
                "POST cluster/maintenance/set", "POST cluster/maintenance/unset", "POST cluster/strays/confirm",
                "POST cluster/restored/confirm", "POST cluster/executors/blacklist",
                "POST cluster/executors/unblacklist", "POST cluster/executors/{id}/blacklist",
                "POST cluster/executors/{id}/unblacklist", "POST cluster/executors/suspend",
                "POST cluster/executors/resume", "POST cluster/executors/retire", "POST cluster/placement/spread",
                "GET cluster/audit", "POST cluster/controllers/hand-over", "DELETE cluster/controllers/{id}",
            ]
        ),
        (
            [.root, .readWrite, .readOnly],
            [
                "GET logfiles/{kind}/{owner}/{id}/list", "GET logfiles/{kind}/{owner}/{id}/read/{file}",
                "GET logfiles/{kind}/{owner}/{id}/download/{file}",
            ]
        ),
        (
            [.root],
            [
                "GET users", "POST users", "PUT users/{name}", "DELETE users/{name}",
                "POST cluster/instance-keys/rotate", "POST cluster/export",
            ]
        ),
        (
            [.node],
            [
                "POST internal/nodes/report", "GET internal/cluster/executors/{id}/instances/last",
                "GET internal/cluster/executors/{id}/instances/current", "GET internal/cluster/resources/reserved",
                "GET internal/history", "GET internal/history/audit", "POST messages",
            ]
        ),
        ([.instance], ["GET internal/instances"]),
    ]

    private static func roles(for operation: String) -> Set<Role> {
        restricted.first { $0.operations.contains(operation) }?.roles ?? Set(Role.allCases)
    }

    @Test func `each role may call what the contract allows it, and nothing else`() async throws {
        let sent = Recorder<NodeCommand>()
        var rig = CallerRig.roles
        rig.secrets = [CallerRig.secret]
        let send: Controller.Send = { command, url in
            sent.add(command)
            return try await obedient(command, url)
        }
        // Time stands still: nobody is given up however long this takes.
        let time = ManualTime().source
        try await withController(store: MemoryStore(), time: time, send: send, callers: rig) { controller in
            let token = try await deployed(controller, sent)
            var callers = CallerRig.users.map { ($0.role, CallerRig.basic($0.name)) }
            callers.append((.node, ["Cluster-Authorization": CallerRig.secret]))
            callers.append((.instance, ["App-Instance-Authorization": token]))
            for operation in API.operations {
                let words = operation.replacing("/apis/v1/", with: "").split(separator: " ")
                let path = words[1].split(separator: "/").map { $0.hasPrefix("{") ? "x" : $0 }.joined(separator: "/")
                let allowed = Self.roles(for: words.joined(separator: " "))
                for (role, headers) in callers {
                    let status = await controller.call(String(words[0]), path, headers).status
                    #expect(status != 401 && status < 500, "\(operation) as \(role): \(status)")
                    #expect((status == 403) == !allowed.contains(role), "\(operation) as \(role): \(status)")
                }
                #expect(await controller.call(String(words[0]), path).status == 401, "\(operation) as nobody")
            }
        }
    }

    /// Runs an instance; its token.
    private func deployed(_ controller: Controller, _ sent: Recorder<NodeCommand>) async throws -> String {
        _ = await controller.inbox.submit(fullReport())
        _ = await controller.call(
            "POST",
            "applications/operations",
            CallerRig.basic("writer"),
            body: create(instances: 1).json.serialized
        )
        try await eventually("it is started") { !sent.all.compactMap(\.token).isEmpty }
        return try #require(sent.all.compactMap(\.token).first)
    }

    @Test func `instances follow the events only while places are left for others`() async throws {
        let sent = Recorder<NodeCommand>()
        let send: Controller.Send = { command, url in
            sent.add(command)
            return try await obedient(command, url)
        }
        var limits = EventLimits()
        limits.listeners = 8
        let time = ManualTime().source
        try await withController(
            store: MemoryStore(),
            time: time,
            send: send,
            events: limits,
            callers: .roles
        ) { controller in
            let own = ["App-Instance-Authorization": try await deployed(controller, sent)]
            var followed: [APIAnswer] = []
            for expected in [200, 200, 429] {
                followed.append(await controller.call("GET", "cluster/events/stream", own))
                #expect(followed.last?.status == expected)
            }
            let other = await controller.call("GET", "cluster/events/stream", CallerRig.basic("reader"))
            #expect(other.status == 200)
            withExtendedLifetime((followed, other)) {}
        }
    }

    @Test func `every restricted operation is one of the API's`() {
        let known = API.operations.map { $0.replacing("/apis/v1/", with: "") }
        for operation in Self.restricted.flatMap(\.operations) { #expect(known.contains(operation)) }
    }

    // MARK: order

    @Test func `path, method and media type come before credentials, the role before leadership`() async throws {
        let controller = try await withController(store: MemoryStore(), callers: .roles) { controller in
            #expect(await controller.call("GET", "nope").status == 404)
            #expect(await controller.call("PUT", "applications").status == 405)
            let text = APICall("POST", "/apis/v1/operations", contentType: "text/plain", body: [1])
            #expect(await controller.api.answer(text).status == 415)
            return controller
        }
        // It leads no more, and still knows its callers.
        #expect(await controller.call("GET", "nope").status == 404)
        #expect(await controller.call("GET", "ping").status == 401)
        #expect(await controller.call("GET", "ping", CallerRig.basic("root", "wrong")).status == 401)
        #expect(await controller.call("POST", "operations", CallerRig.basic("reader"), body: "{}").status == 403)
        let answer = await controller.call("GET", "ping", CallerRig.basic("reader"))
        #expect(answer.status == 400)
        #expect(answer.json?["message"] == "This node is not the leader controller")
    }

    @Test func `whoever is not known gets Drove's 401`() async throws {
        try await withController(store: MemoryStore(), callers: .roles) { controller in
            let shown = [
                [:], CallerRig.basic("root", "wrong"), CallerRig.basic("nobody"), CallerRig.basic("", ""),
                CallerRig.basic("root", CallerRig.password + "\0"),
                CallerRig.basic("root", String(repeating: "x", count: 10_000)),
                ["Authorization": "Bearer abc"], ["Authorization": "Basic"], ["Authorization": "Basic %%%"],
                ["Authorization": "Basic \(Base64.encoded(Array("no colon".utf8)))"],
                ["Authorization": "Basic \(Base64.encoded([0xFF, 0xFE, 0x3A, 0x41]))"],
                ["App-Instance-Authorization": "a.b.c"], ["App-Instance-Authorization": ""],
            ]
            for (number, headers) in shown.enumerated() {
                let answer = await controller.call("GET", "applications", headers, from: "192.0.2.\(number)")
                #expect(answer.status == 401, "\(headers)")
                #expect(answer.text == "Credentials are required to access this resource.")
                #expect(answer.json == nil)
            }
        }
    }

    @Test func `a right password lets in, in any form that bcrypt's hashes have`() async throws {
        try await withController(store: MemoryStore(), callers: .roles) { controller in
            let hashes = [
                ("correct horse", "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"),
                ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
                ("Grüße aus Köln", "$2a$04$abcdefghijklmnopqrstuu8CUm8kgrZsnboz/WhY60Zf2APZzRatm"),
            ]
            for (password, hash) in hashes {
                let body = #"{"role":"read-only","passwordHash":"\#(hash)"}"#
                #expect(await controller.call("PUT", "users/alice", CallerRig.basic("root"), body: body).status == 200)
                #expect(await controller.call("GET", "ping", CallerRig.basic("alice", password)).status == 200)
                let lower = CallerRig.basic("alice", password).mapValues { $0.replacing("Basic", with: "basic") }
                #expect(await controller.call("GET", "ping", lower).status == 200)
            }
        }
    }

    // MARK: browsers

    @Test func `a page of another site changes nothing, whoever visits it`() async throws {
        try await withController(store: MemoryStore()) { controller in
            func status(_ method: String, _ headers: [String: String]) async -> Int {
                let path = method == "GET" ? "applications" : "cluster/maintenance/set"
                return await controller.call(method, path, headers).status
            }
            let host = ["Host": "127.0.0.1:10000"]
            for site in ["cross-site", "same-site"] {
                #expect(await status("POST", host.merging(["Sec-Fetch-Site": site]) { $1 }) == 403)
            }
            for origin in ["https://example.com", "null", "http://127.0.0.1:8080"] {
                #expect(await status("POST", host.merging(["Origin": origin]) { $1 }) == 403, "\(origin)")
            }
            #expect(await status("GET", host.merging(["Sec-Fetch-Site": "cross-site"]) { $1 }) == 200)
            #expect(await status("POST", host.merging(["Origin": "http://127.0.0.1:10000"]) { $1 }) == 200)
            #expect(await status("POST", host.merging(["Sec-Fetch-Site": "same-origin"]) { $1 }) == 200)
            #expect(await status("POST", host) == 200)
        }
    }

    @Test func `where nobody has to say who they are, a name that was made to lead here is not answered`() async throws
    {
        try await withController(store: MemoryStore()) { controller in
            for (host, expected) in [
                ("evil.example:10000", 403), ("127.0.0.1.evil.example", 403), ("localhost:10000", 200),
                ("ctrl1:10000", 200), ("[::1]:10000", 200), ("127.0.0.1", 200),
            ] {
                #expect(await controller.call("GET", "applications", ["Host": host]).status == expected, "\(host)")
            }
        }
    }

    // MARK: nodes

    @Test func `without users and secrets everybody is root, and nodes need show nothing`() async throws {
        try await withController(store: MemoryStore()) { controller in
            #expect(await controller.call("GET", "users").json?["data"] == [])
            #expect(await controller.call("GET", "ping", CallerRig.basic("anybody", "x")).status == 200)
            let report = fullReport().json.serialized
            #expect(await controller.call("POST", "internal/nodes/report", body: report).status == 200)
            #expect(await controller.call("GET", "ping", ["Cluster-Authorization": "whatever it is"]).status == 200)
        }
    }

    @Test func `with a node secret nodes must show it, on loopback too`() async throws {
        let rig = CallerRig(secrets: ["the-next-secret-of-nodes", CallerRig.secret])
        try await withController(store: MemoryStore(), callers: rig) { controller in
            let (path, report) = ("internal/nodes/report", fullReport().json.serialized)
            func status(_ headers: [String: String]) async -> Int {
                await controller.call("POST", path, headers, body: report).status
            }
            #expect(await status([:]) == 401)
            #expect(await status(["Cluster-Authorization": "some other secret"]) == 401)
            #expect(await status(["Cluster-Authorization": ""]) == 401)
            #expect(await status(["Cluster-Authorization": CallerRig.secret, "NodeId": "node1"]) == 200)
            #expect(await status(["cluster-authorization": "the-next-secret-of-nodes"]) == 200)
            // A node is no user: it reads, and changes nothing.
            let node = ["Cluster-Authorization": CallerRig.secret]
            #expect(await controller.call("GET", "applications", node).status == 200)
            #expect(await controller.call("POST", "operations", node, body: "{}").status == 403)
            // There are no users, so others are still root.
            #expect(await controller.call("GET", "users").status == 200)
        }
    }

    @Test func `with users and without a node secret a node still reports, on loopback`() async throws {
        try await withController(store: MemoryStore(), callers: .roles) { controller in
            let report = fullReport().json.serialized
            #expect(await controller.call("POST", "internal/nodes/report", body: report).status == 200)
            #expect(await controller.call("GET", "applications").status == 401)
        }
    }

    @Test func `the past is handed out to nobody who may not read it, with a node secret and without`() async throws {
        let paths = ["internal/history?events=0-0", "internal/history/audit?through=9223372036854775807"]
        func statuses(_ rig: CallerRig, _ headers: [String: String]) async throws -> Set<Int> {
            try await withController(store: MemoryStore(), callers: rig) { controller in
                var statuses: Set<Int> = []
                for path in paths { statuses.insert(await controller.call("GET", path, headers).status) }
                return statuses
            }
        }
        #expect(try await statuses(.roles, [:]) == [401])
        #expect(try await statuses(.roles, CallerRig.basic("reader")) == [403])
        let secrets = CallerRig(secrets: [CallerRig.secret])
        #expect(try await statuses(secrets, [:]) == [401])
        #expect(try await statuses(secrets, ["Cluster-Authorization": CallerRig.secret]) == [200])
        #expect(try await statuses(CallerRig(), [:]) == [200])
        #expect(try await statuses(CallerRig(), ["Host": "evil.example:10000"]) == [403])
    }

    // MARK: a proxy in front

    @Test func `a proxy's word counts from its address alone`() async throws {
        var rig = CallerRig.roles
        rig.proxy = try TrustedProxy(header: "X-Remote-User", addresses: ["127.0.0.1", "2001:db8::1"])
        try await withController(store: MemoryStore(), callers: rig) { controller in
            let shown = ["x-remote-user": "reader"]
            for source in ["127.0.0.1", "::ffff:127.0.0.1", "2001:db8::1"] {
                #expect(await controller.call("GET", "ping", shown, from: source).status == 200, "\(source)")
                let change = await controller.call("POST", "operations", shown, body: "{}", from: source)
                #expect(change.status == 403, "\(source)")
            }
            for source in ["192.0.2.1", "127.0.0.2", ""] {
                #expect(await controller.call("GET", "ping", shown, from: source).status == 401, "\(source)")
            }
            for name in ["nobody", "", "reader, root"] {
                let answer = await controller.call("GET", "ping", ["X-Remote-User": name], from: "127.0.0.1")
                #expect(answer.status == 401, "\(name)")
            }
            // Without its word a password counts there too.
            #expect(await controller.call("GET", "ping", CallerRig.basic("root"), from: "127.0.0.1").status == 200)
        }
    }

    @Test(arguments: [
        ("X-Remote-User", [], "the address of the proxy is missing"),
        ("X-Remote-User", ["proxy.example"], "proxy.example is no IP address"),
        ("X Remote", ["127.0.0.1"], "X Remote cannot be the header that names the user"),
        ("authorization", ["127.0.0.1"], "authorization cannot be the header that names the user"),
    ])
    func `what cannot be a proxy is refused`(_ header: String, _ addresses: [String], _ text: String) {
        let error = #expect(throws: TrustedProxy.Unusable.self) {
            try TrustedProxy(header: header, addresses: addresses)
        }
        #expect(error?.description == text)
    }

    // MARK: beyond loopback

    @Test func `beyond loopback a controller starts with users and a node secret only`() async throws {
        func refusal(_ rig: CallerRig) async -> String {
            let error = await #expect(throws: ControllerError.self) {
                try await withController(store: MemoryStore(), callers: rig) { _ in }
            }
            return error?.description ?? ""
        }
        let users = CallerRig.roles.users
        #expect(await refusal(CallerRig(isReachable: true, secrets: [CallerRig.secret])).contains("--users"))
        #expect(await refusal(CallerRig(users: users, isReachable: true)).contains("--node-secret-file"))
        var rig = CallerRig.roles
        (rig.isReachable, rig.secrets) = (true, [CallerRig.secret])
        try await withController(store: MemoryStore(), callers: rig) { controller in
            #expect(await controller.call("GET", "ping").status == 401)
            #expect(await controller.call("GET", "ping", CallerRig.basic("reader")).status == 200)
        }
    }
}

extension NodeCommand {
    /// The token that a START takes along.
    var token: String? { if case .start(let spec) = order { spec.token } else { nil } }
}
