import ApusModel

private let spread = SpreadPolicy(.metadata(key: "rack"), maxSkew: 2, enforcement: .soft, scope: .version)
private let simplePolicies: [PlacementPolicy] = [.any, .onePerHost, .maxPerHost(3), .matchTag("gpu"), .noTag]

/// As it may stand in an older record: not all of it would be taken now.
let recordedPolicy = PlacementPolicy.composite(
    policies: simplePolicies + [.ruleBased(PlacementRule("true", type: .mvel))],
    combiner: .or
)

/// Of the executor in the recorded messages.
let recordedIdentity = NodeIdentity(
    cluster: ClusterID("C"),
    id: ExecutorID("E"),
    key: NodeKey("K"),
    incarnation: 1,
    hostname: "h",
    port: 11_000,
    transport: .http
)

/// A command to it.
func recordedCommand(_ order: NodeCommand.Order, _ fence: Fence) -> NodeCommand {
    NodeCommand(
        cluster: recordedIdentity.cluster,
        executor: recordedIdentity.id,
        key: recordedIdentity.key,
        fence: fence,
        order: order
    )
}

/// A specification with every part in it, so that a round trip proves them all.
func fullSpec(
    policy: PlacementPolicy = .composite(
        policies: [
            .composite(policies: simplePolicies + [.ruleBased(PlacementRule("true"))], combiner: .or), .spread(spread),
        ],
        combiner: .and
    )
) -> ApplicationSpec {
    let call = HTTPCallSpec(
        scheme: .https,
        hostname: "files",
        port: 8443,
        path: "/f?x=1",
        verb: .post,
        successCodes: [200, 201],
        payload: "{}",
        connectionTimeout: DurationText(2, .seconds),
        operationTimeout: DurationText(1, .minutes),
        username: "joe",
        password: "secret",
        authHeader: "Bearer t",
        headers: ["A": "b"],
        insecure: true
    )
    return ApplicationSpec(
        name: "FULL",
        version: "1-2_3",
        executable: Executable(url: "full:1", dockerPullTimeout: DurationText(100, .seconds)),
        exposedPorts: [PortSpec(name: "main", port: 8000), PortSpec(name: "dns", port: 53, type: .udp)],
        volumes: [MountedVolume(pathInContainer: "/c", pathOnHost: "/h", mode: .readOnly)],
        configs: [
            ConfigSpec(localFilename: "/a", source: .inline(data: [0, 255, 7, 9])),
            ConfigSpec(localFilename: "/b", source: .executorLocalFile(path: "/etc/b")),
            ConfigSpec(localFilename: "/c", source: .controllerHTTPFetch(call)),
            ConfigSpec(localFilename: "/d", source: .executorHTTPFetch(HTTPCallSpec(scheme: .http, hostname: "h"))),
        ],
        type: .computation,
        logging: .rsyslog(server: "udp://log:514", tagPrefix: "p", tagSuffix: nil),
        resources: ResourceRequirements(cores: 2, memoryMB: 512),
        placementPolicy: policy,
        healthcheck: CheckSpec(
            mode: .http(
                HTTPCheck(
                    scheme: .https,
                    portName: "main",
                    path: "/health",
                    verb: .put,
                    successCodes: [200, 204],
                    payload: "ping",
                    connectionTimeout: DurationText(500, .milliseconds),
                    insecure: true
                )
            ),
            timeout: DurationText(1, .seconds),
            interval: DurationText(5, .seconds),
            attempts: 100,
            initialDelay: DurationText(0, .seconds)
        ),
        readiness: CheckSpec(
            mode: .command(CommandCheck(command: "test -f /ready", shellDisabled: true)),
            timeout: DurationText(1, .seconds),
            interval: DurationText(3, .seconds),
            attempts: 1
        ),
        tags: ["b": "2", "a": "1"],
        env: ["LANG": "C", "EMPTY": ""],
        args: ["--port", "8000"],
        devices: [
            .direct(pathOnHost: "/dev/fuse", pathInContainer: nil, permissions: .readWrite),
            .detailed(
                driver: "nvidia",
                count: -1,
                deviceIDs: ["0"],
                capabilities: [["gpu", "compute"], []],
                options: ["k": "v"]
            ),
        ],
        exposureSpec: ExposureSpec(vhost: "full.local", portName: "main", mode: .one),
        preShutdown: PreShutdownSpec(
            hooks: [.command(CommandCheck(command: "drain"))],
            waitBeforeKill: DurationText(1, .minutes)
        ),
        userSpec: UserSpec(user: "nobody", group: "nogroup")
    )
}

/// The plainest valid specification, as a client would send it.
func plainSpecJSON() throws -> JSON {
    try JSON(
        parsing: """
            {"name":"TEST_APP","version":"1",
             "executable":{"type":"DOCKER","url":"test-app:1","dockerPullTimeout":"100 seconds"},
             "exposedPorts":[{"name":"main","port":8000,"type":"HTTP"}],
             "type":"SERVICE",
             "resources":[{"type":"CPU","count":1},{"type":"MEMORY","sizeInMB":128}],
             "healthcheck":{"mode":{"type":"HTTP","protocol":"HTTP","portName":"main","path":"/","verb":"GET",
              "successCodes":[200]},"timeout":"1s","interval":"1s","attempts":3},
             "readiness":{"mode":{"type":"CMD","command":"true"},"timeout":"1s","interval":"1s","attempts":3}}
            """
    )
}

extension JSON {
    /// A copy with the value at a path such as `exposedPorts.0.port` replaced, added or (`nil`) removed.
    func with(_ path: String, _ value: JSON?) -> JSON {
        let steps = path.split(separator: ".", maxSplits: 1).map(String.init)
        let deeper: (JSON?) -> JSON? = { old in
            steps.count == 1 ? value : (old ?? .object([])).with(steps[1], value)
        }
        switch self {
        case .array(var elements):
            guard let index = Int(steps[0]) else { return self }
            if index < elements.count {
                if let new = deeper(elements[index]) { elements[index] = new } else { elements.remove(at: index) }
            } else if let new = deeper(nil) {
                elements.append(new)
            }
            return .array(elements)
        case .object(var members):
            let new = deeper(self[steps[0]])
            members.removeAll { $0.key == steps[0] }
            if let new { members.append(Member(steps[0], new)) }
            return .object(members)
        case .null, .bool, .integer, .number, .string: return self
        }
    }
}
