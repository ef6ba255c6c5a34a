/// A request by which a configuration file is fetched.
package struct HTTPCallSpec: SpecPart {
    package var scheme: HTTPCheck.Scheme
    package var hostname: String
    /// 0 means the scheme's own.
    package var port: Int
    package var path: String
    package var verb: HTTPCheck.Verb
    package var successCodes: [Int]
    package var payload: String?
    package var connectionTimeout: DurationText
    package var operationTimeout: DurationText
    package var username: String?
    package var password: String?
    package var authHeader: String?
    package var headers: [String: String]
    /// True: any certificate is taken.
    package var insecure: Bool

    package init(
        scheme: HTTPCheck.Scheme,
        hostname: String,
        port: Int = 0,
        path: String = "/",
        verb: HTTPCheck.Verb = .get,
        successCodes: [Int] = [200],
        payload: String? = nil,
        connectionTimeout: DurationText = Self.standardTimeout,
        operationTimeout: DurationText = Self.standardTimeout,
        username: String? = nil,
        password: String? = nil,
        authHeader: String? = nil,
        headers: [String: String] = [:],
        insecure: Bool = false
    ) {
        self.scheme = scheme
        self.hostname = hostname
        self.port = port
        self.path = path
        self.verb = verb
        self.successCodes = successCodes
        self.payload = payload
        self.connectionTimeout = connectionTimeout
        self.operationTimeout = operationTimeout
        self.username = username
        self.password = password
        self.authHeader = authHeader
        self.headers = headers
        self.insecure = insecure
    }

    /// Of connecting and of the whole call, when the specification says nothing.
    package static let standardTimeout = DurationText(1, .seconds)

    package init(_ reader: SpecReader) {
        let codes = reader.integers("successCodes")
        self.init(
            scheme: reader.choice("protocol"),
            hostname: reader.string("hostname", required: "must not be empty"),
            port: Int(
                reader.integer(
                    "port",
                    in: 0...65_535,
                    low: "must be between 0 and 65535",
                    high: "must be between 0 and 65535"
                )
            ),
            path: reader.string("path") ?? "/",
            verb: reader.choice("verb") ?? .get,
            successCodes: codes.isEmpty ? [200] : codes,
            payload: reader.string("payload"),
            connectionTimeout: reader.duration("connectionTimeout") ?? Self.standardTimeout,
            operationTimeout: reader.duration("operationTimeout") ?? Self.standardTimeout,
            username: reader.string("username"),
            password: reader.string("password"),
            authHeader: reader.string("authHeader"),
            headers: reader.stringMap("headers"),
            insecure: reader.bool("insecure")
        )
    }

    package var json: JSON {
        .members([
            "protocol": .string(scheme.rawValue), "hostname": .string(hostname), "port": .integer(Int64(port)),
            "path": .string(path), "verb": .string(verb.rawValue),
            "successCodes": .array(successCodes.map { .integer(Int64($0)) }),
            "payload": payload.map { .string($0) }, "connectionTimeout": connectionTimeout.json,
            "operationTimeout": operationTimeout.json, "username": username.map { .string($0) },
            "password": password.map { .string($0) }, "authHeader": authHeader.map { .string($0) },
            "headers": .strings(headers), "insecure": .bool(insecure),
        ])
    }

    /// The scheme's own if it names none.
    package var effectivePort: Int { port > 0 ? port : scheme == .https ? 443 : 80 }

    /// What is shown in place of a secret.
    package static let mask = "***"

    /// Without what must not be shown: each secret that is there becomes `mask`.
    var masked: HTTPCallSpec {
        var copy = self
        copy.username = username.map { _ in Self.mask }
        copy.password = password.map { _ in Self.mask }
        copy.authHeader = authHeader.map { _ in Self.mask }
        return copy
    }
}
