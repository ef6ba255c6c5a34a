/// The virtual host under which a gateway offers the application.
package struct ExposureSpec: SpecPart {
    /// Kept and not used, as in Drove.
    package enum Mode: String, Sendable, CaseIterable {
        case all = "ALL"
        case one = "ONE"
    }
    package var vhost: String
    package var portName: String
    package var mode: Mode

    package init(vhost: String, portName: String, mode: Mode = .all) {
        self.vhost = vhost
        self.portName = portName
        self.mode = mode
    }

    package init(_ reader: SpecReader) {
        self.init(
            vhost: reader.string(
                "vhost",
                required: "- Please provide virtual host name this app will be exposed as"
            ),
            portName: reader.string("portName", required: "- Name of the port that needs to be exposed"),
            mode: reader.choice("mode") ?? .all
        )
    }

    package var json: JSON {
        .members(["vhost": .string(vhost), "portName": .string(portName), "mode": .string(mode.rawValue)])
    }
}
