import ApusController
import ApusEngine
import ApusModel
import ApusStore
import ApusTestKit
import Testing

/// `GET`, `POST`, `PUT` and `DELETE /v1/users`.
@Suite(.timeLimit(.minutes(2))) struct UsersAPITests {
    private static let root = CallerRig.basic("root")
    private static let hashed = #""passwordHash":"\#(CallerRig.hash)""#

    @Test func `the first user is root, and from then on everybody must show who they are`() async throws {
        try await withController(store: MemoryStore()) { controller in
            let early = await controller.call("PUT", "users/reader", body: #"{"role":"read-only",\#(Self.hashed)}"#)
            #expect(early.status == 400)
            #expect(
                early.json?["data"]?["validationErrors"] == [
                    "one user at least must have the role EXTERNAL_ROOT: make another one that first"
                ]
            )
            let first = await controller.call("PUT", "users/root", body: #"{"role":"ROOT",\#(Self.hashed)}"#)
            #expect(first.json?["data"]?.serialized == #"{"name":"root","role":"EXTERNAL_ROOT"}"#)
            #expect(await controller.call("GET", "users").status == 401)
            #expect(
                await controller.call("GET", "users", Self.root).json?["data"]?.serialized
                    == #"[{"name":"root","role":"EXTERNAL_ROOT"}]"#
            )
        }
    }

    @Test func `a user is added, changed in part, and removed`() async throws {
        try await withController(store: MemoryStore(), callers: .roles) { controller in
            func put(_ body: String) async -> APIAnswer {
                await controller.call("PUT", "users/a.b-c_d@e", Self.root, body: body)
            }
            func ping(_ password: String) async -> Int {
                await controller.call("GET", "ping", CallerRig.basic("a.b-c_d@e", password)).status
            }
            #expect(await put(#"{"role":"maintenance","password":"four score"}"#).status == 200)
            #expect(await ping("four score") == 200)
            let role = await put(#"{"role":"external_read_write"}"#)
            #expect(role.json?["data"]?["role"] == "EXTERNAL_READ_WRITE")
            #expect(await ping("four score") == 200)
            #expect(await put(#"{"password":"seven years"}"#).json?["data"]?["role"] == "EXTERNAL_READ_WRITE")
            #expect(await ping("four score") == 401)
            #expect(await ping("seven years") == 200)
            let removed = await controller.call("DELETE", "users/a.b-c_d@e", Self.root)
            #expect(removed.json?["data"]?.serialized == #"{"name":"a.b-c_d@e","removed":true}"#)
            #expect(await ping("seven years") == 401)
            let again = await controller.call("DELETE", "users/a.b-c_d@e", Self.root)
            #expect(again.json?.serialized == #"{"status":"FAILED","message":"User a.b-c_d@e not found"}"#)
        }
    }

    @Test(arguments: [
        ("alice", "", "The request body must be an object"), ("alice", "[]", "The request body must be an object"),
        ("alice", "{}", "give a role, a password or a passwordHash"),
        ("alice", #"{"role":"root"}"#, "a new user needs a role and a password, or its hash"),
        ("alice", #"{"password":"long enough"}"#, "a new user needs a role and a password, or its hash"),
        ("alice", #"{"role":"root","password":"1234567"}"#, "a password must have 8 to 72 bytes"),
        (
            "alice", #"{"role":"root","password":"\#(String(repeating: "ü", count: 37))"}"#,
            "a password must have 8 to 72 bytes"
        ),
        ("alice", #"{"role":"root","password":"12345678\u0000"}"#, "a password must not contain the character NUL"),
        (
            "alice", #"{"role":"root","password":12345678}"#,
            "a password, or its hash, must be a string; put it into quotes"
        ),
        (
            "alice", #"{"role":"root","password":"12345678","passwordHash":"x"}"#,
            "give a password or its hash, not both"
        ),
        (
            "alice", #"{"role":"CLUSTER_NODE","password":"12345678"}"#,
            "role must be one of [EXTERNAL_ROOT, EXTERNAL_READ_WRITE, DROVE_EXTERNAL_MAINTENANCE, EXTERNAL_READ_ONLY], "
                + "or root, read-write, maintenance, read-only"
        ),
        ("a%20b", #"{"role":"root"}"#, "a user's name must be 1 to 64 letters, digits, and any of - _ . @"),
        ("a%C3%BC", #"{"role":"root"}"#, "a user's name must be 1 to 64 letters, digits, and any of - _ . @"),
        (
            String(repeating: "x", count: 65), #"{"role":"root"}"#,
            "a user's name must be 1 to 64 letters, digits, and any of - _ . @"
        ),
    ])
    func `what is no user is refused with the reason`(_ name: String, _ body: String, _ text: String) async throws {
        try await withController(store: MemoryStore(), callers: .roles) { controller in
            let answer = await controller.call("PUT", "users/\(name)", Self.root, body: body)
            #expect(answer.status == 400)
            #expect(answer.json?["data"]?["validationErrors"] == [.string(text)])
            let users = await controller.call("GET", "users", Self.root).json?["data"]
            #expect(users.map { $0.serialized.contains("alice") } == false)
        }
    }

    @Test(arguments: [
        "", "$2b$10$short", "$2x$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        "$2b$03$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        "$2b$17$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        "$2b$+4$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6!",
        "$6$abcdefgh$x", "x$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
    ])
    func `what is no bcrypt hash of a usual cost is refused`(_ text: String) {
        #expect(PasswordHash(text) == nil)
    }

    // MARK: the last root

    @Test func `others are not left without a root, and nobody is left alone on loopback only`() async throws {
        let rig = CallerRig(users: [("root", .root), ("reader", .readOnly)], credentials: Self.root)
        try await withController(store: MemoryStore(), callers: rig) { controller in
            let text: JSON = ["one user at least must have the role EXTERNAL_ROOT: make another one that first"]
            let removal = await controller.call("DELETE", "users/root", Self.root)
            #expect(removal.json?["data"]?["validationErrors"] == text)
            let demotion = await controller.call("PUT", "users/root", Self.root, body: #"{"role":"read-only"}"#)
            #expect(demotion.json?["data"]?["validationErrors"] == text)
            #expect(await controller.call("DELETE", "users/reader", Self.root).status == 200)
            #expect(await controller.call("DELETE", "users/root", Self.root).status == 200)
            #expect(await controller.call("GET", "users").json?["data"] == [])
        }
        var reachable = CallerRig(users: [("root", .root)], isReachable: true, credentials: Self.root)
        reachable.secrets = [CallerRig.secret]
        try await withController(store: MemoryStore(), callers: reachable) { controller in
            let removal = await controller.call("DELETE", "users/root", Self.root)
            #expect(
                removal.json?["data"]?["validationErrors"] == [
                    "root is the last user, and without users everybody is root: that is for an API on loopback only"
                ]
            )
            #expect(await controller.call("GET", "users").status == 401)
        }
    }

    // MARK: the store

    @Test func `users outlive their leader, and those of a later start's file are not taken`() async throws {
        let store = MemoryStore()
        try await withController(store: store, callers: .roles) { controller in
            let body = #"{"role":"read-only",\#(Self.hashed)}"#
            #expect(await controller.call("PUT", "users/alice", Self.root, body: body).status == 200)
        }
        let other = CallerRig(users: [("stranger", .root)], credentials: CallerRig.basic("alice"))
        try await withController(store: store, callers: other) { controller in
            #expect(await controller.call("GET", "ping", CallerRig.basic("stranger")).status == 401)
            #expect(await controller.call("GET", "ping", CallerRig.basic("writer")).status == 200)
        }
    }

    @Test func `a change that another controller made holds here too`() async throws {
        let store = MemoryStore()
        try await withController(store: store, callers: .roles) { controller in
            var users = Users()
            let hash = try #require(PasswordHash(CallerRig.otherHash))
            try users.set([User(name: "root", role: .root, hash: hash)])
            let epoch = try await store.currentEpoch()
            try await store.commit(Batch(epoch: epoch, writes: [.put(Users.recordKey, users.record.bytes)]))
            try await eventually("it is read") {
                await controller.call("GET", "ping", CallerRig.basic("writer")).status == 401
            }
            let root = CallerRig.basic("root", CallerRig.otherPassword)
            #expect(await controller.call("GET", "ping", root, from: "192.0.2.2").status == 200)
        }
    }

    @Test func `when the store does not answer, nothing changes and the caller is told`() async throws {
        let store = MemoryStore()
        try await withController(store: store, callers: .roles) { controller in
            store.setAway(true)
            let answer = await controller.call("PUT", "users/writer", Self.root, body: #"{"role":"root"}"#)
            #expect(answer.status == 503)
            #expect(answer.retryAfter == 1)
            #expect(answer.json?["message"]?.text?.hasPrefix("Nothing was changed: ") == true)
            #expect(await controller.call("GET", "users", CallerRig.basic("writer")).status == 403)
            store.setAway(false)
            let again = await controller.call("PUT", "users/writer", Self.root, body: #"{"role":"root"}"#)
            #expect(again.status == 200)
            #expect(await controller.call("GET", "users", CallerRig.basic("writer")).status == 200)
        }
    }

    @Test func `the record of users is read as it is written, and a damaged one is refused`() throws {
        var users = Users()
        let hash = try #require(PasswordHash(CallerRig.hash))
        try users.set(CallerRig.users.map { User(name: $0.name, role: $0.role, hash: hash) })
        #expect(try Users(record: try JSON(parsing: users.record.bytes)) == users)
        let damaged = users.record.serialized.replacing("$2b$04", with: "$2b$4")
        #expect(throws: JSONError.self) { try Users(record: try JSON(parsing: Array(damaged.utf8))) }
        let later = users.record.serialized.replacing(#""schema":1"#, with: #""schema":2"#)
        #expect(throws: JSONError.self) { try Users(record: try JSON(parsing: Array(later.utf8))) }
    }

    @Test func `a thousand users with the longest names fit into a record`() throws {
        let hash = try #require(PasswordHash(CallerRig.hash))
        let many = (0..<Users.most).map { number in
            let digits = "\(number)"
            return User(
                name: digits + String(repeating: "x", count: 64 - digits.count),
                role: number == 0 ? .root : .maintenance,
                hash: hash
            )
        }
        var users = Users()
        try users.set(many)
        #expect(users.record.bytes.count < Record.maximumBytes)
        #expect(throws: UserFault("there can be at most 1000 users")) {
            try users.set([User(name: "one-more", role: .root, hash: hash)])
        }
    }

    // MARK: lists

    @Test func `a list in Drove's form is taken whole or not at all`() async throws {
        try await withController(store: MemoryStore()) { controller in
            let bad =
                #"{"userAuth":{"enabled":true,"encoding":"PLAIN","users":["#
                + #"{"username":"root","password":"long enough","role":"EXTERNAL_ROOT"},"#
                + #"{"username":"bob","password":"short","role":"EXTERNAL_READ_ONLY"}]}}"#
            let refused = await controller.call("POST", "users", body: bad)
            #expect(
                refused.json?["data"]?["validationErrors"] == [
                    "user 2 of the list (bob): a password must have 8 to 72 bytes"
                ]
            )
            #expect(await controller.call("GET", "users").json?["data"] == [])
            let taken = await controller.call("POST", "users", body: bad.replacing("short", with: "long enough"))
            #expect(taken.status == 200)
            let users = await controller.call("GET", "users", CallerRig.basic("root", "long enough")).json?["data"]
            #expect(
                users?.serialized
                    == #"[{"name":"bob","role":"EXTERNAL_READ_ONLY"},{"name":"root","role":"EXTERNAL_ROOT"}]"#
            )
        }
    }

    @Test(arguments: [
        (#"{"enabled":false,"encoding":"PLAIN","users":[]}"#, "it says enabled: false"),
        (#"{"users":[]}"#, "encoding must be PLAIN or CRYPT"), (#"[]"#, "encoding must be PLAIN or CRYPT"),
        (#"{"encoding":"PLAIN","users":[]}"#, "users must be a list of 1 to 1000 users"),
        (#"{"encoding":"PLAIN","users":{}}"#, "users must be a list of 1 to 1000 users"),
        (#"{"encoding":"PLAIN","users":[1]}"#, "user 1 of the list: it has no password"),
        (
            #"{"encoding":"PLAIN","users":[{"username":"a","password":"${ADMIN_PASSWORD}","role":"root"}]}"#,
            "user 1 of the list (a): its password is a variable"
        ),
        (
            #"{"encoding":"CRYPT","users":[{"username":"a","password":"in the clear","role":"root"}]}"#,
            "user 1 of the list (a): the hash of the password must be a bcrypt hash"
        ),
        (
            #"{"encoding":"CRYPT","users":[{"username":"a","password":"\#(CallerRig.hash)","role":"king"}]}"#,
            "user 1 of the list (a): role must be one of"
        ),
        (
            #"{"encoding":"crypt","users":[\#(UsersAPITests.twin),\#(UsersAPITests.twin)]}"#,
            "user a is there twice"
        ),
    ])
    func `what is no list of users is refused with the reason`(_ text: String, _ reason: String) throws {
        let json = try JSON(parsing: Array(text.utf8))
        let fault = #expect(throws: UserFault.self) { try UserList(json: json) }
        #expect(fault?.description.hasPrefix(reason) == true, "\(fault?.description ?? "")")
    }

    static let twin = #"{"username":"a","password":"\#(CallerRig.hash)","role":"root"}"#
}
