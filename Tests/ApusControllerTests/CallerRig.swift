import ApusClient
import ApusController
import ApusModel
import Logging

/// Who may call a controller under test.
struct CallerRig: Sendable {
    static let password = "correct horse"
    static let otherPassword = "another battery"
    /// Of the least cost: tests need not be slow.
    static let hash = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"
    static let otherHash = "$2b$04$ABCDEFGHIJKLMNOPQRSTUulKC227Zjs8.oFQ0XfGfMcypV5qfsvJW"
    static let secret = "a-secret-of-all-nodes"

    /// Somebody of each role that users have, by its plain name, all with the same password.
    static let users: [(name: String, role: Role)] = [
        ("root", .root), ("writer", .readWrite), ("keeper", .maintenance), ("reader", .readOnly),
    ]

    var users: [(name: String, role: Role)] = []
    var isReachable = false
    var secrets: [String] = []
    var proxy: TrustedProxy?
    var logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    /// What the test itself shows to see whether the controller leads.
    var credentials: [String: String] = [:]

    func arrange(_ settings: inout ControllerSettings) throws {
        settings.isReachable = isReachable
        guard let hash = PasswordHash(Self.hash) else { throw UserFault("the tests have no hash") }
        settings.callers.users = try users.map { try NewUser(name: $0.name, role: $0.role, secret: .hash(hash)) }
        settings.callers.trustedProxy = proxy
        guard !secrets.isEmpty else { return }
        let nodeSecrets = try NodeSecrets(secrets)
        settings.nodeSecrets = { nodeSecrets }
    }

    /// With users of all roles.
    static var roles: CallerRig { CallerRig(users: users, credentials: basic("root")) }

    /// What a user shows.
    static func basic(_ name: String, _ password: String = password) -> [String: String] {
        ["Authorization": "Basic \(Base64.encoded(Array("\(name):\(password)".utf8)))"]
    }
}

extension Controller {
    func call(
        _ method: String,
        _ path: String,
        _ headers: [String: String] = [:],
        body: String = "",
        from source: String = "192.0.2.1"
    ) async -> APIAnswer {
        let call = APICall(
            method,
            "/apis/v1/\(path)",
            contentType: body.isEmpty ? nil : "application/json",
            body: Array(body.utf8),
            source: source,
            header: { name in headers.first { $0.key.lowercased() == name.lowercased() }?.value }
        )
        return await api.answer(call)
    }
}
