import ApusClient
import ApusController
import ApusModel
import ApusTestKit
import Logging
import Testing

/// The API over a real socket.
@Suite struct APIServerTests {
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
