import ApusEngine
package import ApusModel
import Crypto
import JWTKit

/// The tokens by which instances show who they are (contract §8.4): HS256, without an end.
///
/// A token holds exactly while its instance lives on its executor; whoever is shown one looks that up.
package struct InstanceTokens: Sendable {
    /// The record of the store that holds the keys: all controllers sign with the same.
    static let recordKey = RecordKey(.cluster, "instance-keys")
    private static let schema: Int64 = 1
    private static let keyBytes = 32
    private static let issuer = "drove"
    private static let audience = "drove-application-instance"

    /// One is kept while an instance may hold a token of it.
    package static let mostKeys = 8
    /// Instances may be so much older than they say: clocks of controllers differ.
    private static let clockError: Duration = .seconds(60)

    private struct Key {
        /// In the tokens' heads; for good.
        var id: String
        var created: WallTime
        var bytes: [UInt8]
    }

    /// The last one signs.
    private let keys: [Key]
    private let signers = JWTKeyCollection()

    /// What a token says.
    private struct Claims: JWTPayload {
        var iss = issuer
        var sub = "drove-controller"
        var aud = audience
        var jti: String
        var iat: Int
        var droveAppId: String
        var droveInstanceId: String
        var droveExecutorId: String

        func verify(using algorithm: some JWTAlgorithm) async throws {}
    }

    /// With a new key.
    init(at now: WallTime) { keys = [Self.newKey("0", at: now)] }

    private init(keys: [Key]) { self.keys = keys }

    private static func newKey(_ id: String, at now: WallTime) -> Key {
        var random = SystemRandomNumberGenerator()
        let bytes = (0..<keyBytes).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        return Key(id: id, created: now, bytes: bytes)
    }

    /// Reads the keys that the store holds.
    package init(record json: JSON) throws(JSONError) {
        guard try json.integer("schema") == Self.schema else { throw JSONError("the keys' schema is not known") }
        let texts = try json.strings("keys")
        // The first versions said neither, and had one key.
        let ids = json["ids"] == nil ? texts.indices.map(String.init) : try json.strings("ids")
        let created = json["created"] == nil ? texts.map { _ in 0 } : try json.integers("created")
        guard ids.count == texts.count, created.count == texts.count else {
            throw JSONError("the keys of instance tokens are damaged")
        }
        var keys: [Key] = []
        for (index, text) in texts.enumerated() {
            guard let bytes = Base64.decoded(text), bytes.count == Self.keyBytes else {
                throw JSONError("a key of instance tokens is damaged")
            }
            keys.append(Key(id: ids[index], created: WallTime(milliseconds: Int64(created[index])), bytes: bytes))
        }
        guard !keys.isEmpty else { throw JSONError("there is no key for instance tokens") }
        self.keys = keys
    }

    package var record: JSON {
        .members([
            "schema": .integer(Self.schema), "keys": .array(keys.map { .string(Base64.encoded($0.bytes)) }),
            "ids": .array(keys.map { .string($0.id) }), "created": .array(keys.map(\.created.json)),
        ])
    }

    /// How many keys there are.
    package var count: Int { keys.count }

    /// The same with a new key that signs from now on, without those of which no instance can hold a token; `nil` if
    /// there are too many that one may.
    ///
    /// `oldest` is the creation of the oldest living instance; `nil` if none lives.
    package func rotated(at now: WallTime, oldest: WallTime?) -> InstanceTokens? {
        // One that lives from before a key's successor may hold a token of the key.
        let bound = oldest.map { $0.milliseconds - Self.clockError.milliseconds } ?? .max
        let successors = keys.dropFirst().map(\.created.milliseconds) + [.max]
        var kept = zip(keys, successors).filter { $0.1 == .max || bound < $0.1 }.map(\.0)
        guard kept.count < Self.mostKeys else { return nil }
        let next = (keys.compactMap { Int($0.id) }.max() ?? -1) + 1
        kept.append(Self.newKey("\(next)", at: now))
        return InstanceTokens(keys: kept)
    }

    /// Makes the keys ready; before any token is asked for.
    package func prepare() async {
        for key in keys {
            await signers.add(
                hmac: HMACKey(from: key.bytes),
                digestAlgorithm: .sha256,
                kid: JWKIdentifier(string: key.id)
            )
        }
    }

    /// The token of one instance; `nil` of a task.
    package func token(of instance: InstanceID, _ owner: Owner, on executor: ExecutorID, at now: WallTime) async throws
        -> String?
    {
        guard let app = owner.tokenID, let key = keys.last else { return nil }
        let claims = Claims(
            jti: Self.identifier("\(app):\(instance):\(executor)"),
            iat: Int(now.milliseconds / 1_000),
            droveAppId: app,
            droveInstanceId: instance.rawValue,
            droveExecutorId: executor.rawValue
        )
        return try await signers.sign(claims, kid: JWKIdentifier(string: key.id))
    }

    /// Whom a token speaks for; `nil` if it was not signed by one of the keys, or is not meant for this.
    package func claim(of token: String) async -> InstanceClaim? {
        do {
            let claims = try await signers.verify(token, as: Claims.self, iteratingKeys: true)
            guard claims.iss == Self.issuer, claims.aud == Self.audience else { return nil }
            return InstanceClaim(
                owner: claims.droveAppId,
                instance: InstanceID(claims.droveInstanceId),
                executor: ExecutorID(claims.droveExecutorId)
            )
        } catch {
            // Whoever made it up needs no reason.
            return nil
        }
    }

    /// A name-based UUID (version 3, RFC 9562 §5.3) of the text alone, as Java makes it.
    private static func identifier(_ text: String) -> String {
        var bytes = Array(Insecure.MD5.hash(data: Array(text.utf8)))
        bytes[6] = bytes[6] & 0x0f | 0x30
        bytes[8] = bytes[8] & 0x3f | 0x80
        let hex = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        var parts: [Substring] = []
        var rest = Substring(hex)
        for length in [8, 4, 4, 4, 12] {
            parts.append(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        return parts.joined(separator: "-")
    }
}

/// Whom a sound token speaks for, if it still lives.
package struct InstanceClaim: Hashable, Sendable {
    /// The id of its application or local service.
    package var owner: String
    package var instance: InstanceID
    package var executor: ExecutorID

    package init(owner: String, instance: InstanceID, executor: ExecutorID) {
        self.owner = owner
        self.instance = instance
        self.executor = executor
    }
}

extension Owner {
    /// As tokens name it; `nil` of a task, which has none.
    var tokenID: String? {
        switch self {
        case .application(let id): id.rawValue
        case .localService(let id): id.rawValue
        case .task: nil
        }
    }
}
