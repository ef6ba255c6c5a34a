/// A device of the host that the container may use.
package enum DeviceSpec: SpecPart {
    /// What the container may do with a device file.
    package enum Permissions: String, Sendable, CaseIterable {
        case readOnly = "READ_ONLY"
        case writeOnly = "WRITE_ONLY"
        case mknodOnly = "MKNOD_ONLY"
        case readWrite = "READ_WRITE"
        case all = "ALL"
    }
    /// A device file; `pathInContainer` is `pathOnHost` if absent.
    case direct(pathOnHost: String, pathInContainer: String?, permissions: Permissions)
    /// Docker's DeviceRequest.
    case detailed(
        driver: String?,
        count: Int64?,
        deviceIDs: [String],
        capabilities: [[String]],
        options: [String: String]
    )

    package init(_ reader: SpecReader) {
        switch reader.kind(["DIRECT", "DETAILED"]) {
        case "DETAILED":
            self = .detailed(
                driver: reader.string("driver"),
                count: reader.has("count") ? reader.integer("count") : nil,
                deviceIDs: reader.strings("deviceIds"),
                capabilities: reader.stringLists("capabilities"),
                options: reader.stringMap("options")
            )
        default:
            self = .direct(
                pathOnHost: reader.string("pathOnHost", required: "must not be empty"),
                pathInContainer: reader.string("pathInContainer"),
                permissions: reader.choice("permissions") ?? .all
            )
        }
    }

    package var json: JSON {
        switch self {
        case .direct(let pathOnHost, let pathInContainer, let permissions):
            .members([
                "type": "DIRECT", "pathOnHost": .string(pathOnHost),
                "pathInContainer": pathInContainer.map { .string($0) }, "permissions": .string(permissions.rawValue),
            ])
        case .detailed(let driver, let count, let deviceIDs, let capabilities, let options):
            .members([
                "type": "DETAILED", "driver": driver.map { .string($0) }, "count": count.map { .integer($0) },
                "deviceIds": .array(deviceIDs.map { .string($0) }),
                "capabilities": .array(capabilities.map { .array($0.map { .string($0) }) }),
                "options": .strings(options),
            ])
        }
    }
}
