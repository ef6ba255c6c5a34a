/// A Docker image and how long fetching it may take.
package struct Executable: SpecPart {
    package var url: String
    package var dockerPullTimeout: DurationText

    package init(url: String, dockerPullTimeout: DurationText = DurationText(15, .minutes)) {
        self.url = url
        self.dockerPullTimeout = dockerPullTimeout
    }

    package init(_ reader: SpecReader) {
        // The only kind there is, and the default.
        _ = reader.kind(["DOCKER"], orElse: "DOCKER")
        self.init(
            url: reader.string(
                "url",
                required: "- Specify url for container",
                atMost: SpecLimits.longestPath
            ),
            dockerPullTimeout: reader.duration(
                "dockerPullTimeout",
                required: "- Specify container fetch (docker pull) timeout"
            )
        )
    }

    package var json: JSON {
        .members(["type": "DOCKER", "url": .string(url), "dockerPullTimeout": dockerPullTimeout.json])
    }
}
