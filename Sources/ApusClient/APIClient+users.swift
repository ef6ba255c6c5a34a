package import ApusModel
import NIOHTTP1

/// Calls about users and the keys of instances' tokens.
extension APIClient {
    /// Each with its name and role, by name.
    package func users() async throws -> JSON { try await get("users") }

    /// Adds or changes one; what the body leaves out stays.
    package func setUser(_ name: String, _ body: JSON) async throws -> JSON {
        try await data(.PUT, "users/\(HTTPCall.encoded(name))", body)
    }

    /// Adds or changes those of a list in the form of Drove's `userAuth`, all of them or none.
    package func setUsers(_ list: JSON) async throws -> JSON { try await post("users", list) }

    /// One that is not there is `notFound`.
    package func removeUser(_ name: String) async throws {
        _ = try await data(.DELETE, "users/\(HTTPCall.encoded(name))", nil)
    }

    /// Signs instances' tokens with a new key from now on; the answer says how many keys there are.
    package func rotateInstanceKeys() async throws -> JSON { try await post("cluster/instance-keys/rotate", nil) }
}
