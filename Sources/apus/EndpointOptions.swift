import ApusClient
import ArgumentParser
import Synchronization

/// Which controller is asked, and as whom.
struct EndpointOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The controller's address, or those of several with commas, of which the leader is asked. Default: that of "
                + "--cluster, $APUS_ENDPOINT, that of the current cluster in ~/.drove, or http://127.0.0.1:10000.",
            valueName: "url"
        )
    )
    var endpoint: String?

    @Option(
        name: .customLong("cluster"),
        help: ArgumentHelp("The cluster of that name in ~/.drove, with its credentials.", valueName: "name"),
        completion: ContextOptions.completion
    )
    var context: String?

    @Option(
        help: ArgumentHelp(
            "Read this file of Drove's in place of ~/.drove. Default: $DROVE_CONFIG.",
            valueName: "file"
        ),
        completion: .file()
    )
    var droveConfig: String?

    @Option(help: ArgumentHelp("Who asks. Default: $APUS_USERNAME.", valueName: "name"))
    var username: String?

    @Option(
        help: ArgumentHelp(
            "The file with the user's password, or - for standard input. Default: the password in $APUS_PASSWORD.",
            valueName: "file"
        ),
        completion: .file()
    )
    var passwordFile: String?

    @Option(
        help: ArgumentHelp(
            "The file with an Authorization header to be sent as it is. Default: the header in $APUS_AUTH_HEADER.",
            valueName: "file"
        ),
        completion: .file()
    )
    var authHeaderFile: String?

    @Option(
        help: ArgumentHelp(
            "Whose certificates (PEM) are taken for the controller's, and nobody else's. Default: $APUS_CA_CERTIFICATE, or "
                + "those that this machine trusts.",
            valueName: "file"
        ),
        completion: .file()
    )
    var caCertificate: String?

    @Flag(help: "Take any certificate: whoever stands in between can read and change everything.")
    var insecure = false

    func validate() throws {
        guard passwordFile == nil || authHeaderFile == nil else {
            throw ValidationError("--password-file and --auth-header-file exclude each other")
        }
        guard username == nil || authHeaderFile == nil else {
            throw ValidationError("--username and --auth-header-file exclude each other")
        }
        guard endpoint == nil || context == nil else {
            throw ValidationError("--endpoint and --cluster exclude each other: both say which controller is asked")
        }
        guard !insecure || caCertificate == nil else {
            throw ValidationError("--insecure and --ca-certificate exclude each other")
        }
    }

    /// One command has one client: files are read, and warnings given, once.
    private static let made = Mutex<APIClient?>(nil)

    /// - Throws: `CommandFailure` if it cannot be told whom to ask, or as whom.
    var client: APIClient {
        get throws {
            try Self.made.withLock { made in
                let client = try made ?? ClientChoice(self).client()
                made = client
                return client
            }
        }
    }
}
