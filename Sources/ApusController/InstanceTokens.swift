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

    private let keys: [[UInt8]]
    private let signers = JWTKeyCollection()

    /// What a token says.
    private struct Claims: JWTPayload {
        var iss = "drove"
        var sub = "drove-controller"
        var aud = "drove-application-instance"
        var jti: String
        var iat: Int
        var droveAppId: String
        var droveInstanceId: String
        var droveExecutorId: String

        func verify(using algorithm: some JWTAlgorithm) async throws {}
    }

    /// With a new key.
    init() {
        var random = SystemRandomNumberGenerator()
        keys = [(0..<Self.keyBytes).map { _ in UInt8.random(in: .min ... .max, using: &random) }]
    }

    /// Reads the keys that the store holds.
    package init(record json: JSON) throws(JSONError) {
        guard try json.integer("schema") == Self.schema else { throw JSONError("the keys' schema is not known") }
        var keys: [[UInt8]] = []
        for text in try json.strings("keys") {
            guard let key = Base64.decoded(text), key.count == Self.keyBytes else {
                throw JSONError("a key of instance tokens is damaged")
            }
            keys.append(key)
        }
        guard !keys.isEmpty else { throw JSONError("there is no key for instance tokens") }
        self.keys = keys
    }

    var record: JSON {
        .members(["schema": .integer(Self.schema), "keys": .array(keys.map { .string(Base64.encoded($0)) })])
    }

    /// Makes the keys ready; before any token is asked for.
    package func prepare() async {
        for (index, key) in keys.enumerated() {
            await signers.add(
                hmac: HMACKey(from: key),
                digestAlgorithm: .sha256,
                kid: JWKIdentifier(string: "\(index)")
            )
        }
    }

    /// The token of one instance; `nil` of a task.
    package func token(of instance: InstanceID, _ owner: Owner, on executor: ExecutorID, at now: WallTime) async throws
        -> String?
    {
        let app: String
        switch owner {
        case .application(let id): app = id.rawValue
        case .localService(let id): app = id.rawValue
        case .task: return nil
        }
        let claims = Claims(
            jti: Self.identifier("\(app):\(instance):\(executor)"),
            iat: Int(now.milliseconds / 1_000),
            droveAppId: app,
            droveInstanceId: instance.rawValue,
            droveExecutorId: executor.rawValue
        )
        return try await signers.sign(claims, kid: JWKIdentifier(string: "\(keys.count - 1)"))
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
