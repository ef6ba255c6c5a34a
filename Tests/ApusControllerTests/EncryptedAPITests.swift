import ApusClient
import ApusController
import ApusModel
import ApusTelemetry
import ApusTestKit
import Foundation
import Synchronization
import Testing

/// The API over TLS, and the clients that trust it or do not.
@Suite(.timeLimit(.minutes(2))) struct EncryptedAPITests {
    /// Runs with a folder of its own, and an authority in it.
    private func withAuthority(
        _ body: @escaping @Sendable (_ folder: String, TestAuthority) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        try await body(folder.path, try await TestAuthority(in: folder.path))
    }

    private static func bytes(_ path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    static func encryption(_ issued: TestAuthority.Issued) throws -> PortEncryption {
        try PortEncryption(certificates: bytes(issued.certificate), key: bytes(issued.key))
    }

    private static func trust(_ authority: TestAuthority) throws -> ServerTrust {
        try ServerTrust(authorities: bytes(authority.certificate))
    }

    /// A client of the same port over TLS.
    static func client(
        _ client: APIClient,
        host: String = "127.0.0.1",
        trusting trust: ServerTrust = .system
    ) -> APIClient {
        let port = client.endpoint.split(separator: ":").last ?? ""
        return APIClient(endpoint: "https://\(host):\(port)", as: Caller(trusting: trust))
    }

    @Test func `who trusts the issuer is served, by address and by name`() async throws {
        try await withAuthority { _, authority in
            let issued = try await authority.issue("node", for: ["IP:127.0.0.1", "DNS:localhost"])
            let (encryption, trust) = (try Self.encryption(issued), try Self.trust(authority))
            try await withController(store: MemoryStore()) { controller in
                try await withServer(controller, encryption: { encryption }) { plain in
                    try await Self.client(plain, trusting: trust).ping()
                    try await Self.client(plain, host: "localhost", trusting: trust).ping()
                    try await Self.client(plain, trusting: .anybody).ping()
                    let url = Self.client(plain).endpoint
                    let answer = try await NodeClient(as: Caller(trusting: trust)).report(fullReport(), to: url)
                    #expect(answer.verdict == .applied)
                }
            }
        }
    }

    @Test func `who does not is told what is wrong`() async throws {
        try await withAuthority { folder, authority in
            let issued = try await authority.issue("elsewhere", for: ["IP:127.0.0.2", "DNS:elsewhere.example"])
            let encryption = try Self.encryption(issued)
            let trust = try Self.trust(authority)
            let stranger = try Self.trust(try await TestAuthority(in: folder, named: "stranger"))
            try await withController(store: MemoryStore()) { controller in
                try await withServer(controller, encryption: { encryption }) { plain in
                    for other in [ServerTrust.system, stranger] {
                        let url = "\(Self.client(plain).endpoint)/apis/v1/ping"
                        let unknown = await #expect(throws: ClientError.self) {
                            try await Self.client(plain, trusting: other).ping()
                        }
                        #expect(unknown?.code == .untrusted(url))
                        #expect(unknown?.message.contains("with --ca-certificate") == true, "\(unknown?.message ?? "")")
                    }
                    let misnamed = await #expect(throws: ClientError.self) {
                        try await Self.client(plain, trusting: trust).ping()
                    }
                    #expect(
                        misnamed?.message.contains("made out to another name") == true,
                        "\(misnamed?.message ?? "")"
                    )
                    let begun = ContinuousClock.now
                    let unencrypted = await #expect(throws: ClientError.self) { try await plain.ping() }
                    guard case .unreachable? = unencrypted?.code else {
                        Issue.record("plain HTTP gave \(String(describing: unencrypted))")
                        return
                    }
                    #expect(ContinuousClock.now - begun < .seconds(10), "it is cut off at once")
                    // The port goes on.
                    try await Self.client(plain, trusting: .anybody).ping()
                }
                try await withServer(controller) { plain in
                    let error = await #expect(throws: ClientError.self) {
                        try await Self.client(plain, trusting: trust).ping()
                    }
                    #expect(error?.message.contains("is it http://?") == true, "\(error?.message ?? "")")
                }
            }
        }
    }

    @Test func `a new certificate is that of the next connection`() async throws {
        try await withAuthority { folder, first in
            let second = try await TestAuthority(in: folder, named: "second")
            let before = try Self.encryption(try await first.issue("before", for: ["IP:127.0.0.1"]))
            let after = try Self.encryption(try await second.issue("after", for: ["IP:127.0.0.1"]))
            let isRenewed = Switch()
            let (old, new) = (try Self.trust(first), try Self.trust(second))
            try await withController(store: MemoryStore()) { controller in
                try await withServer(controller, encryption: { isRenewed.isOn ? after : before }) { plain in
                    try await Self.client(plain, trusting: old).ping()
                    isRenewed.turnOn()
                    try await Self.client(plain, trusting: new).ping()
                    // What was open with the old one stays so.
                    try await Self.client(plain, trusting: old).ping()
                }
            }
        }
    }

    @Test func `a certificate and a key that do not belong together are refused, and so is what is neither`()
        async throws
    {
        try await withAuthority { _, authority in
            let (one, other) = (
                try await authority.issue("one", for: ["IP:127.0.0.1"]),
                try await authority.issue("other", for: ["IP:127.0.0.1"])
            )
            let mismatch = #expect(throws: PortEncryption.Unusable.self) {
                try PortEncryption(certificates: Self.bytes(one.certificate), key: Self.bytes(other.key))
            }
            #expect(mismatch?.description.hasPrefix("the key is not that of the certificate") == true)
            for (certificate, key) in [(one.key, one.key), (one.certificate, one.certificate)] {
                #expect(throws: PortEncryption.Unusable.self) {
                    try PortEncryption(certificates: Self.bytes(certificate), key: Self.bytes(key))
                }
            }
            #expect(throws: ServerTrust.Unusable.self) { try ServerTrust(authorities: Self.bytes(one.key)) }
            #expect(throws: ServerTrust.Unusable.self) { try ServerTrust(authorities: []) }
        }
    }
}

private final class Switch: Sendable {
    private let value = Atomic(false)
    var isOn: Bool { value.load(ordering: .relaxed) }
    func turnOn() { value.store(true, ordering: .relaxed) }
}
