/// A request to one of the container's ports.
package struct HTTPCheck: Hashable, Sendable {
    /// How the port is spoken to.
    package enum Scheme: String, Sendable, CaseIterable {
        case http = "HTTP"
        case https = "HTTPS"
    }
    /// The request's method.
    package enum Verb: String, Sendable, CaseIterable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
    }
    package var scheme: Scheme
    package var portName: String
    package var path: String
    package var verb: Verb
    package var successCodes: [Int]
    package var payload: String?
    /// 1 second if absent.
    package var connectionTimeout: DurationText?
    /// True: any certificate is taken.
    package var insecure: Bool

    package init(
        scheme: Scheme = .http,
        portName: String,
        path: String,
        verb: Verb = .get,
        successCodes: [Int] = [200],
        payload: String? = nil,
        connectionTimeout: DurationText? = nil,
        insecure: Bool = false
    ) {
        self.scheme = scheme
        self.portName = portName
        self.path = path
        self.verb = verb
        self.successCodes = successCodes
        self.payload = payload
        self.connectionTimeout = connectionTimeout
        self.insecure = insecure
    }

    init(_ reader: SpecReader) {
        self.init(
            // Drove takes a check without it and then fails at every try; we refuse it.
            scheme: reader.choice("protocol"),
            portName: reader.string("portName", required: "must not be empty"),
            path: reader.string("path", required: "must not be empty"),
            verb: reader.choice("verb"),
            successCodes: reader.integers("successCodes", required: "must not be empty"),
            payload: reader.string("payload"),
            connectionTimeout: reader.duration("connectionTimeout"),
            insecure: reader.bool("insecure")
        )
    }
}

/// A command that is run inside the container; exit code 0 passes.
package struct CommandCheck: Hashable, Sendable {
    package var command: String
    /// False: it is run by `sh -c`.
    package var shellDisabled: Bool

    package init(command: String, shellDisabled: Bool = false) {
        self.command = command
        self.shellDisabled = shellDisabled
    }
}

/// How a container is asked: by a check, or told by a hook before it is stopped.
package enum CheckMode: SpecPart {
    case http(HTTPCheck)
    case command(CommandCheck)

    package init(_ reader: SpecReader) {
        switch reader.kind(["HTTP", "CMD"]) {
        case "HTTP": self = .http(HTTPCheck(reader))
        default:
            self = .command(
                CommandCheck(
                    command: reader.string("command", required: "must not be empty"),
                    shellDisabled: reader.bool("shellDisabled")
                )
            )
        }
    }

    package var json: JSON {
        switch self {
        case .http(let check):
            .members([
                "type": "HTTP", "protocol": .string(check.scheme.rawValue), "portName": .string(check.portName),
                "path": .string(check.path), "verb": .string(check.verb.rawValue),
                "successCodes": .array(check.successCodes.map { .integer(Int64($0)) }),
                "payload": check.payload.map { .string($0) }, "connectionTimeout": check.connectionTimeout?.json,
                "insecure": .bool(check.insecure),
            ])
        case .command(let check):
            .members([
                "type": "CMD", "command": .string(check.command), "shellDisabled": .bool(check.shellDisabled),
            ])
        }
    }
}
