/// A directory of the host that the container sees.
package struct MountedVolume: SpecPart {
    /// Whether the container may write to it.
    package enum Mode: String, Sendable, CaseIterable {
        case readWrite = "READ_WRITE"
        case readOnly = "READ_ONLY"
    }
    package var pathInContainer: String
    package var pathOnHost: String
    package var mode: Mode

    package init(pathInContainer: String, pathOnHost: String, mode: Mode) {
        self.pathInContainer = pathInContainer
        self.pathOnHost = pathOnHost
        self.mode = mode
    }

    package init(_ reader: SpecReader) {
        self.init(
            pathInContainer: reader.string(
                "pathInContainer",
                required: "- Provide mount path inside container",
                atMost: SpecLimits.longestPath
            ),
            pathOnHost: reader.string(
                "pathOnHost",
                required: "- Provide host directory to mount",
                atMost: SpecLimits.longestPath
            ),
            mode: reader.choice("mode", required: "- Specify whether mount is read-only or read-write")
        )
    }

    package var json: JSON {
        .members([
            "pathInContainer": .string(pathInContainer), "pathOnHost": .string(pathOnHost),
            "mode": .string(mode.rawValue),
        ])
    }
}
