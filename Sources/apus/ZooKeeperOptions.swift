import ApusClient
import ApusModel
import ApusStore
import ArgumentParser

/// The ZooKeeper ensemble that holds the state of a cluster with several controllers.
struct ZooKeeperOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Keep the cluster's state in ZooKeeper, and lead in turn with the other controllers there: "
                + "host:port,host:port/path.",
            valueName: "servers"
        )
    )
    var zookeeper: String?

    @Option(
        help: ArgumentHelp(
            "How long ZooKeeper waits for a controller that it does not hear, 1s to 60s: so long a leader that is lost is "
                + "not replaced.",
            valueName: "time"
        )
    )
    var zookeeperSession = "10s"

    @Option(
        help: ArgumentHelp(
            "Who may read and write the state in ZooKeeper: one line, user:password, the same for all controllers. Only its "
                + "owner may read it. Needed beyond loopback.",
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
        _ = try session()
    }

    /// - Throws: `ValidationError` if it is no place in ZooKeeper.
    static func check(_ servers: String) throws {
        do throws(ZooKeeperAddress.Fault) {
            _ = try ZooKeeperAddress(servers)
        } catch {
            throw ValidationError("--zookeeper: \(error)")
        }
    }

    private func session() throws -> Duration {
        let session: Duration
        do {
            session = try DurationText(parsing: zookeeperSession).duration
        } catch {
            throw ValidationError("--zookeeper-session: \(error.message)")
        }
        guard (.seconds(1)...(.seconds(60))).contains(session) else {
            throw ValidationError("--zookeeper-session must be 1s to 60s")
        }
        return session
    }

    /// `nil` if the state is kept in the controller's own directory.
    ///
    /// - Throws: `CommandFailure` if others could write the state, or the file of the credential cannot be used.
    func settings() throws -> ZooKeeperSession.Settings? {
        guard let zookeeper else { return nil }
        var settings = try ZooKeeperSession.Settings(servers: zookeeper, credentialFile: zookeeperCredentialFile)
        settings.timeout = try session()
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
                same to every controller, with one line user:password.
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
