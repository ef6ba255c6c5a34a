import ApusClient
import ApusController
import ApusEngine
import ApusModel
import ApusTestKit
import Foundation
import Logging
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The API over a real socket.
@Suite(.timeLimit(.minutes(3))) struct APIServerTests {
    @Test func `a client deploys, looks and is refused over HTTP`() async throws {
        try await withController(store: MemoryStore()) { controller in
            try await withServer(controller) { client in
                _ = await controller.inbox.submit(fullReport())
                let spec = exampleSpec()
                let app = try await client.operate(create(spec, instances: 2).json)
                #expect(app == spec.id)
                try await eventually("two are healthy") { try await client.application(app).healthy == 2 }
                #expect(try await client.instances(of: app).map(\.state) == ["HEALTHY", "HEALTHY"])
                #expect(try await client.spec(of: app) == spec.masked)

                let again = await #expect(throws: ClientError.self) {
                    try await client.operate(create(spec, instances: 2).json)
                }
                #expect(again?.code == .refused(["App TEST_APP-1 already exists"]))
                let nobody = await #expect(throws: ClientError.self) { try await client.application(AppID("NO-1")) }
                #expect(nobody?.code == .notFound)
            }
        }
    }

    @Test func `a body of 10 MB is refused in the envelope and the next call is answered`() async throws {
        try await withController(store: MemoryStore()) { controller in
            try await withServer(controller) { client in
                let large = JSON.string(String(repeating: "x", count: 10_000_000))
                let error = await #expect(throws: ClientError.self) { try await client.operate(large) }
                #expect(error?.code == .status(413, "The request body is larger than 1048576 bytes"))
                try await client.ping()
            }
        }
    }

    @Test func `a body that does not come to its end is answered, and others are meanwhile`() async throws {
        try await withController(store: MemoryStore()) { controller in
            try await withServer(controller, arrival: .milliseconds(100)) { client in
                let port = Int(client.endpoint.split(separator: ":").last ?? "") ?? 0
                let answer = await Self.answer(
                    to:
                        "POST /apis/v1/applications/operations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
                    at: port
                )
                #expect(answer.hasPrefix("HTTP/1.1 408 "))
                #expect(answer.contains("The request body did not arrive within 0.1 seconds"))
                try await client.ping()
            }
        }
    }

    @Test func `HEAD is answered as GET is, without the body`() async throws {
        try await withController(store: MemoryStore()) { controller in
            let length = await controller.get("cluster").json?.bytes.count ?? 0
            try await withServer(controller) { client in
                let port = Int(client.endpoint.split(separator: ":").last ?? "") ?? 0
                let answer = await Self.answer(
                    to: "HEAD /apis/v1/cluster HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                    at: port
                )
                #expect(answer.hasPrefix("HTTP/1.1 200 ") && answer.hasSuffix("\r\n\r\n"), "\(answer)")
                #expect(answer.lowercased().contains("content-length: \(length)\r\n"), "\(answer)")
            }
        }
    }

    @Test func `a head that is too large is refused with a word, and so is what is no HTTP`() async throws {
        try await withController(store: MemoryStore()) { controller in
            try await withServer(controller) { client in
                let port = Int(client.endpoint.split(separator: ":").last ?? "") ?? 0
                let large = String(repeating: "x", count: 100 << 10)
                let refused = await Self.answer(
                    to: "GET /apis/v1/ping HTTP/1.1\r\nHost: localhost\r\nX: \(large)\r\n\r\n",
                    at: port
                )
                #expect(refused.hasPrefix("HTTP/1.1 431 "), "\(refused)")
                #expect(refused.contains("The head of the request is too large"), "\(refused)")
                let garbled = await Self.answer(to: "hello there\r\n\r\n", at: port)
                #expect(garbled.hasPrefix("HTTP/1.1 400 "), "\(garbled)")
                #expect(garbled.contains("The request is not what HTTP/1.1 allows"), "\(garbled)")
            }
        }
    }

    @Test func `one request more than are answered at once is told to come again, but of nodes`()
        async throws
    {
        try await withController(store: MemoryStore()) { controller in
            try await withServer(controller, arrival: .seconds(5), mostRequests: 1) { client in
                let port = Int(client.endpoint.split(separator: ":").last ?? "") ?? 0
                async let held = Self.held(at: port)
                try await eventually("others are refused") {
                    let refused = await Self.answer(
                        to: "GET /apis/v1/ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                        at: port
                    )
                    return refused.hasPrefix("HTTP/1.1 429 ") && refused.lowercased().contains("retry-after: 1\r\n")
                }
                let head = await Self.answer(
                    to: "HEAD /apis/v1/ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                    at: port
                )
                #expect(head.hasPrefix("HTTP/1.1 429 ") && head.hasSuffix("\r\n\r\n"), "\(head)")
                let report = try await NodeClient().report(fullReport(revision: 4), to: client.endpoint)
                #expect(report.verdict == .applied)
                let history = await Self.answer(
                    to: "GET /apis/v1/internal/history HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                    at: port
                )
                #expect(history.hasPrefix("HTTP/1.1 200 "), "\(history)")
                #expect(await held.hasPrefix("HTTP/1.1 408 "))
                try await client.ping()
            }
        }
    }

    @Test func `instances take a part of what is answered at once, and leave the rest to others`() async throws {
        let sent = Recorder<NodeCommand>()
        let send: Controller.Send = { command, url in
            sent.add(command)
            return try await obedient(command, url)
        }
        // Time stands still: nobody is given up however long this takes.
        try await withController(store: MemoryStore(), time: ManualTime().source, send: send) { controller in
            _ = await controller.inbox.submit(fullReport())
            _ = await controller.inbox.submit(.application(create(instances: 1)))
            try await eventually("it is started") { !sent.all.compactMap(\.token).isEmpty }
            let own = "App-Instance-Authorization: \(try #require(sent.all.compactMap(\.token).first))\r\n"
            // One of them is theirs.
            try await withServer(controller, arrival: .seconds(5), mostRequests: 4) { client in
                let port = Int(client.endpoint.split(separator: ":").last ?? "") ?? 0
                async let held = Self.held(at: port, own)
                for path in ["ping", "internal/instances"] {
                    try await eventually("another one of theirs is refused") {
                        await Self.answer(
                            to: "GET /apis/v1/\(path) HTTP/1.1\r\nHost: localhost\r\n\(own)Connection: close\r\n\r\n",
                            at: port
                        ).hasPrefix("HTTP/1.1 429 ")
                    }
                }
                try await client.ping()
                #expect(await held.hasPrefix("HTTP/1.1 408 "))
            }
        }
    }

    /// The answer to a request whose body never comes to its end; it is sent until it is taken in.
    private static func held(at port: Int, _ fields: String = "") async -> String {
        while true {
            let head = "POST /apis/v1/applications/validate/spec HTTP/1.1\r\nHost: localhost\r\n\(fields)"
            let answer = await answer(to: "\(head)Content-Length: 9\r\n\r\n{", at: port)
            if !answer.hasPrefix("HTTP/1.1 429 ") { return answer }
        }
    }

    /// What comes first after these bytes, on a connection and a thread of its own.
    private static func answer(to bytes: String, at port: Int) async -> String {
        await withCheckedContinuation { next in
            Thread.detachNewThread {
                let connection = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
                var address = sockaddr_in()
                address.sin_family = sa_family_t(AF_INET)
                address.sin_port = UInt16(port).bigEndian
                address.sin_addr.s_addr = inet_addr("127.0.0.1")
                let size = socklen_t(MemoryLayout<sockaddr_in>.size)
                let result = withUnsafeMutablePointer(to: &address) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(connection, $0, size) }
                }
                let request = Array(bytes.utf8)
                if result == 0 { _ = send(connection, request, request.count, Int32(MSG_NOSIGNAL)) }
                var text = ""
                var piece = [UInt8](repeating: 0, count: 4096)
                while !text.contains(#""message""#) {
                    let count = recv(connection, &piece, piece.count, 0)
                    guard count > 0 else { break }
                    text += String(decoding: piece[..<count], as: UTF8.self)
                }
                close(connection)
                next.resume(returning: text)
            }
        }
    }

    @Test func `old state says in its header fields that it is old, and a browser hears where the leader is`()
        async throws
    {
        let store = MemoryStore()
        let ballot = Ballot(of: store)
        try await withController(store: store, leadership: ballot.seat("ctrl1:10000")) { leader in
            let standby = try await standingBy(store: store, leadership: ballot.seat("ctrl2:10000"))
            try await withRunning(standby) {
                try await withServer(standby) { client in
                    try await eventually("it has read the store") {
                        await Self.fields("/apis/v1/applications", stale: true, of: client)["status"] == "200"
                    }
                    let old = await Self.fields("/apis/v1/applications", stale: true, of: client)
                    #expect(old["apus-read"] == "stale")
                    #expect(old["age"].flatMap { Int($0) }.map { $0 >= 0 } == true, "\(old)")
                    let plain = await Self.fields("/apis/v1/applications", of: client)
                    #expect(plain["status"] == "400" && plain["apus-read"] == nil && plain["age"] == nil)
                    try await eventually("it knows who leads") {
                        await Self.fields("/apis/ui/applications?x=1", of: client)["status"] == "303"
                    }
                    let page = await Self.fields("/apis/ui/applications?x=1", of: client)
                    #expect(page["location"] == "http://ctrl1:10000/applications?x=1")
                }
            }
            try await withServer(leader) { client in
                let own = await Self.fields("/apis/v1/applications", stale: true, of: client)
                #expect(own["status"] == "200" && own["age"] == "0" && own["apus-read"] == nil)
            }
        }
    }

    /// The header fields of the answer to a GET, by their names in small letters, and its `status`.
    private static func fields(
        _ path: String,
        stale: Bool = false,
        of client: APIClient
    ) async -> [String: String] {
        let port = Int(client.endpoint.split(separator: ":").last ?? "") ?? 0
        let read = stale ? "Apus-Read: stale\r\n" : ""
        let answer = await answer(
            to: "GET \(path) HTTP/1.1\r\nHost: localhost\r\n\(read)Connection: close\r\n\r\n",
            at: port
        )
        let lines = answer.split(separator: "\r\n", omittingEmptySubsequences: false).prefix { !$0.isEmpty }
        var fields = ["status": lines.first.map { String($0.dropFirst("HTTP/1.1 ".count).prefix(3)) } ?? ""]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ": ", maxSplits: 1)
            if parts.count == 2 { fields[parts[0].lowercased()] = String(parts[1]) }
        }
        return fields
    }

    @Test func `an executor's report is answered without the envelope`() async throws {
        try await withController(store: MemoryStore()) { controller in
            try await withServer(controller) { client in
                let answer = try await NodeClient().report(fullReport(revision: 4), to: client.endpoint)
                #expect(answer.verdict == .applied)
                #expect(answer.applied == 4)
                #expect(answer.canCommit)
            }
        }
    }
}
