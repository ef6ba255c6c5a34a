import ApusClient
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// A plain user, who may do everything, and one who may only look, in a file of Drove's form.
struct UsersFile {
    static let name = "plain"
    static let password = "a test's password"
    static let credentials = Credentials.basic(username: name, password: password)
    static let readerName = "reader"
    static let readerPassword = "50% of it"

    private let scratch: TemporaryFolder
    var path: String { "\(scratch.path)/users.json" }
    /// By which executors are known where there are users.
    var secrets: String { "\(scratch.path)/secrets" }

    init() throws {
        scratch = try TemporaryFolder()
        let list: JSON = [
            "enabled": true, "encoding": "PLAIN",
            "users": [
                ["username": .string(Self.name), "password": .string(Self.password), "role": "EXTERNAL_ROOT"],
                [
                    "username": .string(Self.readerName), "password": .string(Self.readerPassword),
                    "role": "EXTERNAL_READ_ONLY",
                ],
            ],
        ]
        for (path, bytes) in [
            (path, list.bytes), (secrets, Array("a-secret-that-only-nodes-of-a-test-know\n".utf8)),
        ] {
            let isWritten = FileManager.default.createFile(
                atPath: path,
                contents: Data(bytes),
                attributes: [.posixPermissions: 0o600]
            )
            try #require(isWritten)
        }
    }

    func remove() { scratch.remove() }
}
