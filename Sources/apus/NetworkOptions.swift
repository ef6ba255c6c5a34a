import ApusClient
import ApusTelemetry
import ArgumentParser
import Logging

/// How other machines find this node, and how they and it know each other.
struct NetworkOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The name or IP address under which others find this node. Default: this machine's own name; on loopback the "
                + "address.",
            valueName: "name"
        )
    )
    var hostname: String?

    @Option(
        help: ArgumentHelp(
            "The secrets by which the nodes of the cluster know each other, one a line: the first is sent, any is taken. "
                + "Only its owner may read it. Needed beyond loopback; read again when it changes.",
            valueName: "file"
        )
    )
    var nodeSecretFile: String?

    @Option(
        help: ArgumentHelp(
            "The certificate (PEM) of this node's ports, with those that lead to who issued it: all of them speak TLS then. "
                + "Read again when it changes.",
            valueName: "file"
        )
    )
    var tlsCertificate: String?

    @Option(
        help: ArgumentHelp("The certificate's key (PEM). Only its owner may read it.", valueName: "file")
    )
    var tlsKey: String?

    @Option(
        help: ArgumentHelp(
            "Whose certificates (PEM) are taken for those of other nodes, and nobody else's. Default: those that this "
                + "machine trusts.",
            valueName: "file"
        )
    )
    var caCertificate: String?

    var isEncrypted: Bool { tlsCertificate != nil }

    func validate() throws {
        guard (tlsCertificate == nil) == (tlsKey == nil) else {
            throw ValidationError("--tls-certificate and --tls-key belong together: give both or none")
        }
        guard let hostname else { return }
        do throws(AddressFault) {
            try NodeAddress.checkName(hostname)
        } catch {
            throw ValidationError("--hostname must be \(error)")
        }
    }

    /// The name under which a node that listens there is found.
    ///
    /// - Throws: `CommandFailure` if this machine's own is none.
    func announced(_ address: NodeAddress) throws -> String {
        if let hostname { return hostname }
        guard !address.isLoopback else { return address.urlHost }
        guard let name = MachineName.current else {
            throw CommandFailure(.other, "This machine does not tell its name: give the node one with --hostname")
        }
        do throws(AddressFault) {
            try NodeAddress.checkName(name)
            return name
        } catch {
            throw CommandFailure(
                .other,
                "This machine is called \(name), which is no name of a host: give one with --hostname"
            )
        }
    }

    /// Beyond loopback nodes must know each other; without TLS that is warned about.
    ///
    /// - Throws: `CommandFailure` with what to do.
    func check(_ addresses: [NodeAddress], calling others: [NodeURL] = []) throws {
        let open = addresses.filter { !$0.isLoopback }
        if let first = open.first, nodeSecretFile == nil {
            throw CommandFailure(
                .other,
                """
                At \(first) other machines can reach this node, so it must know whom it serves: give --node-secret-file \
                FILE, the same to every node, with a line from `openssl rand -hex 32`.
                """
            )
        }
        let isReadable = (!open.isEmpty && !isEncrypted) || others.contains { !$0.isLoopback && !$0.isEncrypted }
        if isReadable {
            Output.error(
                "apus: without TLS passwords and secrets cross the network readable: give --tls-certificate and "
                    + "--tls-key, and call other nodes https://"
            )
        }
    }

    /// Reads the files.
    ///
    /// - Throws: `CommandFailure` with what is wrong with one.
    func security(_ logger: Logger) throws -> NodeSecurity {
        do {
            var security = NodeSecurity()
            if let nodeSecretFile {
                let file = try WatchedFiles([nodeSecretFile]) {
                    try NodeSecrets(file: nodeSecretFile)
                } telling: {
                    Self.tell($0, of: nodeSecretFile, logger)
                }
                security.secrets = { file.current }
            }
            if let tlsCertificate, let tlsKey {
                let files = try WatchedFiles([tlsCertificate, tlsKey]) {
                    try PortEncryption(certificateFile: tlsCertificate, keyFile: tlsKey)
                } telling: {
                    Self.tell($0, of: tlsCertificate, logger)
                }
                security.encryption = { files.current }
            }
            if let caCertificate { security.trust = try ServerTrust(file: caCertificate, .ownersToWrite) }
            return security
        } catch {
            throw CommandFailure(.other, "\(error)")
        }
    }

    /// A file that is watched has changed.
    static func tell(_ news: WatchedFiles<some Sendable>.News, of path: String, _ logger: Logger) {
        switch news {
        case .changed: logger.info("a file has changed, and what it says now holds", metadata: ["file": "\(path)"])
        case .unusable(let reason):
            logger.warning(
                "a file has changed and cannot be used; what it said before holds",
                metadata: ["file": "\(path)", "error": "\(reason)"]
            )
        }
    }
}

/// How a node and the others know each other; by default not at all, which is for loopback.
struct NodeSecurity: Sendable {
    var secrets: @Sendable () -> NodeSecrets? = { nil }
    /// Of its ports; `nil`: they speak plain HTTP.
    var encryption: (@Sendable () -> PortEncryption)?
    var trust = ServerTrust.system
}

extension PortEncryption {
    fileprivate init(certificateFile: String, keyFile: String) throws(SmallFile.Trouble) {
        // Programs that renew certificates put links to the newest.
        let certificate = try SmallFile.existing(certificateFile, .ownersToWrite, followsLinks: true)
        let key = try SmallFile.existing(keyFile, .ownersToRead, followsLinks: true)
        do throws(Unusable) {
            self = try PortEncryption(certificates: certificate.bytes, key: key.bytes)
        } catch {
            throw SmallFile.Trouble("\(certificateFile), \(keyFile): \(error)")
        }
    }
}

extension ServerTrust {
    /// - Throws: `SmallFile.Trouble`.
    init(file path: String, _ protection: SmallFile.Protection) throws(SmallFile.Trouble) {
        let pem = try SmallFile.existing(path, protection, followsLinks: true).bytes
        do throws(Unusable) {
            self = try ServerTrust(authorities: pem)
        } catch {
            throw SmallFile.Trouble("\(path): \(error)")
        }
    }
}
