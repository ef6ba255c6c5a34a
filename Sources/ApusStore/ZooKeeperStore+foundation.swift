/// What is made before anything is stored, where nobody but the credential may change it.
///
/// ZooKeeper asks the node above who may make and delete one: a node of ours is as safe as all that it stands in, up to the
/// chroot. That itself cannot be deleted while something stands in it.
extension ZooKeeperStore {
    /// - Throws: `refused` if there is a credential, and no path that could be closed to all others.
    func checkPlace() throws(StoreError) {
        let address = session.settings.address
        guard session.settings.credential != nil, address.chroot.isEmpty else { return }
        throw .refused(
            reason: """
                \(address) names no path behind the servers, and at the top of ZooKeeper's tree others may make and delete \
                nodes; name a path of the cluster's own, as \(address)/apus
                """
        )
    }

    /// Makes what is missing of it, the chroot included.
    func found() async throws(ZooKeeperError) {
        try await session.ensureChroot()
        if session.settings.credential != nil { try await checkAccess("", .reading) }
        for (path, text) in ZooKeeperTree.foundation { try await session.ensure(path, Array(text.utf8)) }
        // Of all credentials but that of the nodes already this is refused.
        for (path, _) in ZooKeeperTree.foundation { try await checkAccess(path, .nothing) }
        // While nothing stood in it, it could have been replaced.
        if session.settings.credential != nil { try await checkAccess("", .reading) }
    }

    private func checkAccess(_ path: String, _ tolerance: Tolerance) async throws(ZooKeeperError) {
        let access = try await session.access(path)
        guard let credential = session.settings.credential else { return }
        let others = access.others(than: credential, beyond: tolerance)
        guard !others.isEmpty else { return }
        let chroot = session.settings.address.chroot
        throw ZooKeeperError(
            .other,
            chroot + path,
            """
            others than \(credential) may use this node (\(others.map(\.description).joined(separator: ", "))), and so \
            change the state; close all that is there with `setAcl -R \(chroot) auth::cdrwa` in zkCli.sh, after `addauth \
            digest` with the credential, or give another path behind the servers
            """
        )
    }
}
