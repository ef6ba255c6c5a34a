/// What is spoken on a port.
package enum PortType: String, Sendable, CaseIterable {
    case http = "HTTP"
    case https = "HTTPS"
    case tcp = "TCP"
    case udp = "UDP"
}

/// A port that the container listens on.
package struct PortSpec: SpecPart {
    package var name: String
    package var port: Int
    package var type: PortType

    package init(name: String, port: Int, type: PortType = .http) {
        self.name = name
        self.port = port
        self.type = type
    }

    package init(_ reader: SpecReader) {
        let name = reader.string("name", required: "must not be empty")
        if !name.isPlainName { reader.refuse("name", #"must match "[a-zA-Z0-9\-_]*""#) }
        let port = reader.integer(
            "port",
            in: 1...65_535,
            low: "- Port cannot be negative or 0",
            high: "- Port cannot be more than 65K"
        )
        self.init(name: name, port: Int(port), type: reader.choice("type"))
    }

    package var json: JSON {
        .members(["name": .string(name), "port": .integer(Int64(port)), "type": .string(type.rawValue)])
    }
}
