/// The line of controllers, as everybody reads it who has the credential.
extension ZooKeeperSession {
    /// The names in the line, the first one first; with a watch that tells when one comes or goes.
    func line(watch: Watch? = nil) async throws(ZooKeeperError) -> [String] {
        func number(_ name: String) -> Substring { name[(name.lastIndex(of: "-") ?? name.startIndex)...] }
        return try await children(ZooKeeperTree.election, watch: watch).sorted { number($0) < number($1) }
    }

    /// Who stands at a place; `nil` if nobody does any more.
    func standing(_ name: String) async throws(ZooKeeperError) -> [UInt8]? {
        try await bytes("\(ZooKeeperTree.election)/\(name)")
    }

    /// What the controllers in the line say of themselves, whoever leads or is next first; it writes nothing.
    ///
    /// - Throws: `unavailable` if the servers do not answer, or no controller was ever there.
    package func standingControllers(watch: Watch? = nil) async throws(StoreError) -> [[UInt8]] {
        do throws(ZooKeeperError) {
            var descriptions: [[UInt8]] = []
            for name in try await line(watch: watch) {
                guard let id = try await standing(name) else { continue }
                let path = ZooKeeperTree.controller(String(decoding: id, as: UTF8.self))
                if let description = try await bytes(path) { descriptions.append(description) }
            }
            return descriptions
        } catch {
            guard error.kind == .noNode else { throw error.storeError }
            throw .unavailable(reason: "no controller has founded a cluster at \(settings.address) yet")
        }
    }
}
