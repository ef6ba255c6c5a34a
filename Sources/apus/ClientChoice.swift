import ApusClient

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Which controller is asked, as whom, and how it is known: out of the command line, the environment and `~/.drove`.
///
/// Where a cluster of `~/.drove` is asked, its credentials are shown and no others but those of the command line (for the
/// current one also those of the environment); they are shown to nobody else.
struct ClientChoice {
    private static let usual = "http://127.0.0.1:10000"

    private let options: EndpointOptions
    /// Whoever asks is not to be warned of anything.
    private let isQuiet: Bool
    private let environment: [String: String]

    init(_ options: EndpointOptions, isQuiet: Bool = false) {
        self.options = options
        self.isQuiet = isQuiet
        // Set to nothing it counts as not set.
        environment = ProcessInfo.processInfo.environment.filter { !$0.value.isEmpty }
    }

    /// - Throws: `CommandFailure` with what cannot be read or found.
    func client() throws -> APIClient {
        do {
            let cluster = try cluster()
            let endpoint = options.endpoint ?? cluster?.endpoint ?? environment["APUS_ENDPOINT"] ?? Self.usual
            let trust = try trust(isInsecure: options.insecure || cluster?.isInsecure == true)
            return APIClient(endpoint: endpoint, as: Caller(try credentials(cluster), trusting: trust))
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure(.other, "\(error)")
        }
    }

    // MARK: ~/.drove

    /// The cluster of `~/.drove` that is asked; `nil` if it is one of elsewhere.
    private func cluster() throws -> DroveFile.Cluster? {
        guard options.endpoint == nil else { return nil }
        guard options.context != nil || environment["APUS_ENDPOINT"] == nil else { return nil }
        let named = options.droveConfig ?? environment["DROVE_CONFIG"]
        guard let path = named ?? environment["HOME"].map({ "\($0)/.drove" }),
            let file = try SmallFile(at: path, .anyones)
        else {
            guard named == nil, options.context == nil else {
                throw CommandFailure(.other, "\(named ?? "~/.drove") cannot be opened: there is no such file")
            }
            return nil
        }
        do throws(ContextFault) {
            let clusters = try DroveFile(String(decoding: file.bytes, as: UTF8.self))
            guard let cluster = try clusters.cluster(options.context) else { return nil }
            guard cluster.endpoint != nil else {
                throw ContextFault("the cluster \(cluster.name) has no endpoint")
            }
            if cluster.credentials != nil { warn(of: file) }
            return cluster
        } catch {
            throw CommandFailure(.other, "\(path): \(error)")
        }
    }

    // MARK: as whom

    private func credentials(_ cluster: DroveFile.Cluster?) throws -> Credentials? {
        if let path = options.authHeaderFile { return .header(try line(of: path, "header")) }
        let given = options.passwordFile == nil && options.username == nil ? nil : try fromOptions()
        // A cluster that was named is shown nothing that was meant for another.
        let fromElsewhere = options.context == nil ? try fromEnvironment() : nil
        return given ?? fromElsewhere ?? cluster?.credentials
    }

    private func fromOptions() throws -> Credentials {
        guard let username = options.username ?? environment["APUS_USERNAME"] else {
            throw CommandFailure(.other, "Whose password is it? Name the user with --username")
        }
        if let path = options.passwordFile {
            return .basic(username: username, password: try line(of: path, "password"))
        }
        guard let password = environment["APUS_PASSWORD"] else {
            throw CommandFailure(.other, "\(username) needs a password: give --password-file FILE, or - to type it")
        }
        return .basic(username: username, password: password)
    }

    private func fromEnvironment() throws -> Credentials? {
        if let username = environment["APUS_USERNAME"], let password = environment["APUS_PASSWORD"] {
            return .basic(username: username, password: password)
        }
        guard let header = environment["APUS_AUTH_HEADER"] else { return nil }
        return .header(try checked(header, "$APUS_AUTH_HEADER"))
    }

    /// The first line of a file, or of standard input.
    private func line(of path: String, _ what: String) throws -> String {
        let file = try SmallFile.existing(path == "-" ? "/dev/stdin" : path, .anyones)
        if path != "-" { warn(of: file) }
        let text = String(decoding: file.bytes, as: UTF8.self)
        let line = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).first ?? ""
        guard !line.isEmpty else { throw CommandFailure(.other, "There is no \(what) in the first line of \(path)") }
        return try checked(String(line), path)
    }

    /// What may stand in a header.
    private func checked(_ text: String, _ source: String) throws -> String {
        guard text.unicodeScalars.allSatisfy({ $0.value >= 32 && $0.value != 127 }) else {
            throw CommandFailure(.other, "\(source) holds characters that cannot be sent")
        }
        return text
    }

    private func warn(of file: SmallFile) {
        guard file.isReadByOthers else { return }
        warn("others on this machine can read \(file.path), which holds a password: chmod 600 \(file.path)")
    }

    private func warn(_ text: String) { if !isQuiet { Output.error("apus: \(text)") } }

    // MARK: whom it trusts

    private func trust(isInsecure: Bool) throws -> ServerTrust {
        if let path = options.caCertificate { return try ServerTrust(file: path, .anyones) }
        guard !isInsecure else {
            warn("any certificate is taken: whoever stands in between can read and change everything")
            return .anybody
        }
        return try environment["APUS_CA_CERTIFICATE"].map { try ServerTrust(file: $0, .anyones) } ?? .system
    }
}
