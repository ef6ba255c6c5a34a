import ApusClient
import ApusModel
import ApusTestKit
import Foundation

/// By what the nodes of a lab's cluster know each other and who calls, in files that only their owner may read: beyond
/// loopback no node starts without.
struct LabAccess {
    private static let password = "a password of the lab"

    let users: String
    let secrets: String
    /// For ZooKeeper.
    let credential: String
    /// A user who may do everything.
    let caller = Caller(.header(authorization))
    /// The same user, as the header says it.
    static let authorization = "Basic \(Base64.encoded(Array("root:\(password)".utf8)))"

    init(in folder: String) throws {
        users = "\(folder)/users"
        secrets = "\(folder)/secrets"
        credential = "\(folder)/credential"
        let list = """
            {"enabled":true,"encoding":"PLAIN","users":[{"username":"root","password":"\(Self.password)",\
            "role":"EXTERNAL_ROOT"}]}
            """
        let texts = [
            (users, list), (secrets, "secret-of-the-lab-\(UUID().uuidString)\n"),
            (credential, "apus:\(UUID().uuidString)\n"),
        ]
        for (path, text) in texts {
            let isWritten = FileManager.default.createFile(
                atPath: path,
                contents: Data(text.utf8),
                attributes: [.posixPermissions: 0o600]
            )
            guard isWritten else { throw Unfulfilled("\(path) cannot be written") }
        }
    }
}
