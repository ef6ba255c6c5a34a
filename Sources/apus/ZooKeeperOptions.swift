import ApusClient
import ApusStore
import ArgumentParser

/// The ZooKeeper ensemble that holds the state of a cluster with several controllers, and says which those are.
struct ZooKeeperOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The ZooKeeper servers that hold the state of a cluster with several controllers, who lead in turn: "
                + "host:port,host:port/path. An executor finds the controllers there.",
            valueName: "servers"
        )
    )
    var zookeeper: String?

    @Option(
        help: ArgumentHelp(
            "Who may read and write the state in ZooKeeper: one line, user:password, the same for all. Only its owner may "
                + "read it. Needed beyond loopback.",
            valueName: "file"
        )
    )
    var zookeeperCredentialFile: String?

    func validate() throws {
        guard let zookeeper else {
            guard zookeeperCredentialFile == nil else {
                throw ValidationError("--zookeeper-credential-file needs --zookeeper")
            }
            return
        }
        try Self.check(zookeeper)
    }

    /// - Throws: `ValidationError` if it is no place in ZooKeeper.
    static func check(_ servers: String) throws {
        do throws(ZooKeeperAddress.Fault) {
            _ = try ZooKeeperAddress(servers)
        } catch {
            throw ValidationError("--zookeeper: \(error)")
        }
    }

    /// `nil` if no ensemble is named.
    ///
    /// `session` is how long the servers wait for a sign of this process.
    ///
    /// - Throws: `CommandFailure` if others could write the state, or the file of the credential cannot be used.
    func settings(session: Duration = .seconds(10)) throws -> ZooKeeperSession.Settings? {
        guard let zookeeper else { return nil }
        var settings = try ZooKeeperSession.Settings(servers: zookeeper, credentialFile: zookeeperCredentialFile)
        settings.timeout = session
        return settings
    }
}

extension ZooKeeperSession.Settings {
    /// Of what stands after `--zookeeper` and `--zookeeper-credential-file`.
    ///
    /// - Throws: `CommandFailure` if others could write the state, or the file of the credential cannot be used.
    init(servers: String, credentialFile: String?) throws {
        self.init(address: try ZooKeeperAddress(servers))
        credential = try credentialFile.map(Self.credential)
        guard credential != nil || address.isLoopback else {
            throw CommandFailure(
                .other,
                """
                Whoever reaches \(address) could write the cluster's state there: give --zookeeper-credential-file FILE, the \
                same to every node, with one line user:password.
                """
            )
        }
    }

    private static func credential(_ path: String) throws -> ZooKeeperCredential {
        let file: SmallFile
        do throws(SmallFile.Trouble) {
            file = try SmallFile.existing(path, .ownersToRead)
        } catch {
            throw CommandFailure(.other, "\(error)")
        }
        let lines = String(decoding: file.bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
        let parts = lines.first?.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false) ?? []
        guard lines.count == 1, parts.count == 2, parts.allSatisfy({ !$0.isEmpty }) else {
            throw CommandFailure(.other, "\(path) must hold one line: user:password")
        }
        return ZooKeeperCredential(user: String(parts[0]), password: String(parts[1]))
    }
}
