import ApusClient
import ApusController
import ApusModel
import ApusStore
import ApusTestKit
import Logging

/// A controller that leads and has no executor, so that it calls nobody, whatever it is asked.
///
/// What it has been asked before stays: an input that ends it may need those before it.
struct FuzzedController {
    /// From there a header names the user.
    fileprivate static let proxy = (header: "x-fuzz", address: "127.0.0.1")
    fileprivate static let user = "fuzz"

    private let controller: Controller

    init() async throws {
        var settings = ControllerSettings(cluster: ClusterID("fuzz"), hostname: "localhost", port: 10_000, seed: 1)
        // Nobody knows it, so that no executor joins.
        let secrets = try NodeSecrets(["what no request of the corpus says".replacing(" ", with: "-")])
        settings.nodeSecrets = { secrets }
        guard let hash = PasswordHash(Samples.hash) else { throw CorpusError(description: "the sample is no hash") }
        settings.callers.users = [try NewUser(name: Self.user, role: .root, secret: .hash(hash))]
        settings.callers.trustedProxy = try TrustedProxy(header: Self.proxy.header, addresses: [Self.proxy.address])
        controller = Controller(
            settings: settings,
            store: MemoryStore(),
            audit: try await .inMemory(),
            send: { _, _ in throw CorpusError(description: "there is no executor") },
            logger: Logger(label: "apus-fuzz") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    /// Runs it for as long as `body` takes.
    func leading(_ body: (API) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await controller.run() }
            try await eventually("the controller leads") {
                guard let ping = APICall(request: Array("GET /apis/v1/ping".utf8)) else { return false }
                return await controller.api.answer(ping).status == 200
            }
            try await body(controller.api)
        }
    }
}

extension FuzzTarget {
    /// Whole requests to every operation of the API.
    static func requests(_ corpus: Corpus, to api: API) -> FuzzTarget {
        FuzzTarget("api-request", corpus.requests.map { Array($0.utf8) }) { bytes in
            guard let call = APICall(request: bytes) else { return .refused }
            let status = await api.answer(call).status
            return status == 500 ? .wrong("it is answered with 500") : status < 400 ? .taken : .refused
        }
    }
}

extension APICall {
    /// A request of the corpus; `nil` if it has no method and target.
    ///
    /// Who does not show who they are is a root user.
    fileprivate init?(request bytes: [UInt8]) {
        let end = UInt8(ascii: "\n")
        let lines = bytes.split(separator: end, omittingEmptySubsequences: false)
        let words = String(decoding: lines.first ?? [], as: UTF8.self).split(separator: " ", maxSplits: 1)
        guard words.count == 2 else { return nil }
        let head = lines.dropFirst().prefix { !$0.isEmpty }
        let pairs = head.map { line in
            let name = line.prefix { $0 != UInt8(ascii: ":") }
            let value = line.dropFirst(name.count + 1).drop { $0 == UInt8(ascii: " ") }
            return (String(decoding: name, as: UTF8.self).lowercased(), String(decoding: value, as: UTF8.self))
        }
        let fields = Dictionary(pairs) { "\($0), \($1)" }
        self.init(
            String(words[0]),
            String(words[1]),
            contentType: fields["content-type"],
            lastEventID: fields["last-event-id"],
            body: Array(lines.dropFirst(head.count + 2).joined(separator: [end])),
            source: FuzzedController.proxy.address,
            header: { name in
                let isUnknown = name.lowercased() == FuzzedController.proxy.header && fields["authorization"] == nil
                return fields[name.lowercased()] ?? (isUnknown ? FuzzedController.user : nil)
            }
        )
    }
}
