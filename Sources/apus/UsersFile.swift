import ApusClient
import ApusController
import ApusExecutor
import ApusModel

/// A file of users in the form of Drove's `userAuth`, in YAML or JSON, that only its owner may read.
struct UsersFile {
    let path: String

    /// Reads it whole; `nil` if there is no such file; blocks.
    ///
    /// - Throws: `CommandFailure` that says what is wrong with it, never with a password in it.
    func users() throws -> [NewUser]? {
        let json: JSON?
        do {
            json = try PrivateFile.read(path, .ownersToRead)
        } catch {
            throw CommandFailure(.other, "\(error)")
        }
        guard let json else { return nil }
        do throws(UserFault) {
            return try UserList(json: json).users
        } catch {
            throw CommandFailure(.other, "\(path): \(error)")
        }
    }
}
