package import ApusModel
import NIOHTTP1

extension DockerEngine {
    /// Creates a container and starts nothing.
    ///
    /// Throws `nameInUse` if its name exists already, `imageMissing` if the image is not here.
    package func create(_ plan: ContainerPlan) async throws -> ContainerID {
        let doing = "creating container \(plan.name)"
        let answer = try await call(
            .POST,
            "/containers/create",
            query: ["name": plan.name],
            body: plan.engineJSON,
            accepting: [201],
            doing: doing
        )
        return try answer.decoded(doing: doing) { json throws(JSONError) in ContainerID(try json.string("Id")) }
    }

    /// Starts a created or exited container; done if it runs already.
    ///
    /// Its ports are bound when this returns.
    /// Throws `portInUse` if one of its ports is taken.
    package func start(_ id: ContainerID) async throws {
        _ = try await call(
            .POST,
            "/containers/\(Self.part(id))/start",
            accepting: [204, 304],
            doing: "starting container \(id)"
        )
    }

    /// What a container is and does; throws `notFound` if there is none of that id or name.
    package func inspect(_ id: ContainerID) async throws -> ContainerDetails {
        let doing = "looking at container \(id)"
        let answer = try await call(.GET, "/containers/\(Self.part(id))/json", accepting: [200], doing: doing)
        return try answer.decoded(doing: doing, ContainerDetails.init(engineJSON:))
    }

    /// Asks a container to end (SIGTERM) and kills it after `grace`, in whole seconds; returns when it has ended.
    ///
    /// Done if it has ended already or is not there.
    package func stop(_ id: ContainerID, grace: Duration) async throws {
        let seconds = max(0, (grace.milliseconds + 999) / 1_000)
        _ = try await call(
            .POST,
            "/containers/\(Self.part(id))/stop",
            query: ["t": String(seconds)],
            within: .seconds(seconds) + callTimeout,
            accepting: [204, 304, 404],
            doing: "stopping container \(id)"
        )
    }

    /// Removes a container and, with `volumes`, its anonymous volumes; `force` kills it first if it runs.
    ///
    /// Done if it is not there; throws `conflict` while another removal of it is under way.
    package func remove(_ id: ContainerID, force: Bool, volumes: Bool) async throws {
        _ = try await call(
            .DELETE,
            "/containers/\(Self.part(id))",
            query: ["force": force ? "1" : "0", "v": volumes ? "1" : "0"],
            accepting: [204, 404],
            doing: "removing container \(id)"
        )
        forgetCommands(of: id)
    }

    /// Unpacks a tar archive into a container's file system at its root; it need not run.
    package func unpack(_ archive: [UInt8], in id: ContainerID) async throws {
        let doing = "putting files into container \(id)"
        let path = try await versioned("/containers/\(Self.part(id))/archive")
        let answer = try await connection.upload(
            archive,
            to: path,
            query: ["path": "/", "noOverwriteDirNonDir": "1"],
            within: callTimeout,
            doing: doing
        )
        guard answer.status != 200 else { return }
        forgetVersion(after: answer)
        throw ContainerError(answer: answer, doing: doing)
    }

    /// All containers that carry every one of these labels, stopped ones included.
    package func list(labels: [String: String]) async throws -> [ContainerSummary] {
        let doing = "listing containers"
        let filters = JSON.members(["label": Self.filter(labels)])
        let answer = try await call(
            .GET,
            "/containers/json",
            query: ["all": "1", "filters": filters.serialized],
            accepting: [200],
            doing: doing
        )
        return try answer.decoded(doing: doing) { json throws(JSONError) in
            guard case .array(let elements) = json else { throw JSONError("a list of containers must be an array") }
            var summaries: [ContainerSummary] = []
            for element in elements { summaries.append(try ContainerSummary(engineJSON: element)) }
            return summaries
        }
    }

    /// Starts, deaths, memory kills and removals of all containers that carry every one of these labels.
    ///
    /// Returns once the engine has begun to listen for us. With `since` it first tells what happened from then on, as
    /// far as it remembers (256 events); an event of that very moment may come again.
    package func events(labels: [String: String], since: WallTime? = nil) async throws -> ContainerEvents {
        let doing = "following the events of the container engine"
        let filters = JSON.members([
            "type": ["container"], "event": ["start", "die", "oom", "destroy"], "label": Self.filter(labels),
        ]).serialized
        let path = try await versioned("/events")
        let body =
            if let since {
                try await connection.stream(
                    path,
                    query: ["filters": filters, "since": Self.seconds(since)],
                    beginningWithin: callTimeout,
                    doing: doing
                )
            } else {
                try await connection.stream(
                    path,
                    query: ["filters": filters],
                    beginningWithin: callTimeout,
                    doing: doing
                )
            }
        return ContainerEvents(body: body, doing: doing)
    }

    private static func filter(_ labels: [String: String]) -> JSON {
        .array(labels.keys.sorted().map { .string("\($0)=\(labels[$0] ?? "")") })
    }

    /// Seconds with a fraction of nine digits, as the engine reads `since`.
    private static func seconds(_ time: WallTime) -> String {
        let fraction = String(time.milliseconds % 1_000 + 1_000).dropFirst()
        return "\(time.milliseconds / 1_000).\(fraction)000000"
    }
}
