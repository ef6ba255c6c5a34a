import ApusModel
package import ApusStore
import Foundation

/// The nodes of a tree in ZooKeeper that outlive sessions, as a golden file holds them: an object a line, parents first.
package struct ZooKeeperDump: Hashable, Sendable {
    package struct Node: Hashable, Sendable {
        package var path: String
        package var text: String
    }

    package let nodes: [Node]

    /// What a node holds; `nil` if there is none.
    package subscript(path: String) -> String? { nodes.first { $0.path == path }?.text }

    // MARK: in ZooKeeper

    /// What stands at those servers, below the path behind them, read as whoever shows the credential in that file:
    /// `user:password`.
    package init(servers: String, credentialFile: String) async throws {
        let words = try String(contentsOfFile: credentialFile, encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines).split(separator: ":", maxSplits: 1).map(String.init)
        guard words.count == 2 else { throw Unfulfilled("\(credentialFile) holds no user:password") }
        var settings = ZooKeeperSession.Settings(address: try ZooKeeperAddress(servers))
        settings.credential = ZooKeeperCredential(user: words[0], password: words[1])
        let session = ZooKeeperSession.open(settings)
        let result: Result<[Node], any Error>
        do {
            try await session.connected(within: .seconds(30))
            result = .success(try await Self.nodes(of: session))
        } catch {
            result = .failure(error)
        }
        await session.close()
        nodes = try result.get()
    }

    private static func nodes(of session: ZooKeeperSession) async throws -> [Node] {
        var nodes: [Node] = []
        var rest = try await children(of: "", session)
        while let path = rest.popLast() {
            let (bytes, facts) = try await session.get(path)
            guard facts.owner == 0 else { continue }
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw Unfulfilled("\(path) holds no text")
            }
            nodes.append(Node(path: path, text: text))
            rest += try await children(of: path, session)
        }
        return nodes
    }

    /// The last first.
    private static func children(of path: String, _ session: ZooKeeperSession) async throws -> [String] {
        try await session.children(path).sorted(by: >).map { "\(path)/\($0)" }
    }

    /// Has them all stand there, where some of them may stand already.
    package func put(on session: ZooKeeperSession) async throws {
        for node in nodes {
            if try await session.exists(node.path) == nil {
                try await session.create(node.path, Array(node.text.utf8))
            } else {
                try await session.set(node.path, Array(node.text.utf8))
            }
        }
    }

    // MARK: in a file

    package init(file: String) throws {
        nodes = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map { line in
            let json = try JSON(parsing: String(line))
            return Node(path: try json.string("path"), text: try json.string("text"))
        }
    }

    package func write(to file: String) throws {
        let lines = nodes.map { node in
            JSON.members(["path": .string(node.path), "text": .string(node.text)]).serialized + "\n"
        }
        try lines.joined().write(toFile: file, atomically: true, encoding: .utf8)
    }
}
