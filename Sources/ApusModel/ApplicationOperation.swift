/// What can be asked of an application (contract §4.1).
package enum ApplicationOperation: SpecPart {
    /// `instances` 0 to 2048.
    case create(ApplicationSpec, instances: Int, ClusterOpSpec)
    /// With as many instances as a share of the cluster's capacity is, now and as that changes.
    case createShare(ApplicationSpec, CapacityShare, ClusterOpSpec)
    case destroy(AppID, ClusterOpSpec)
    /// `instances` more than now, 0 to 1024.
    case startInstances(AppID, instances: Int, ClusterOpSpec)
    case stopInstances(AppID, ids: [InstanceID], skipRespawn: Bool, ClusterOpSpec)
    /// `required` 0 to 2048.
    case scale(AppID, required: Int, ClusterOpSpec)
    /// From now on as many as the share is.
    case scaleToShare(AppID, CapacityShare, ClusterOpSpec)
    /// No ids mean all that are healthy.
    case replaceInstances(AppID, ids: [InstanceID], stopFirst: Bool, ClusterOpSpec)
    case suspend(AppID, ClusterOpSpec)
    case recover(AppID)
    /// Moves a service to this application from another, its version of before say.
    case rollout(AppID, from: AppID, RolloutSize, ClusterOpSpec)

    /// The application it is about; for a creation the one to be.
    package var appID: AppID {
        switch self {
        case .create(let spec, _, _), .createShare(let spec, _, _): spec.id
        case .destroy(let app, _), .startInstances(let app, _, _), .stopInstances(let app, _, _, _),
            .scale(let app, _, _), .scaleToShare(let app, _, _), .replaceInstances(let app, _, _, _),
            .suspend(let app, _), .recover(let app), .rollout(let app, _, _, _):
            app
        }
    }

    /// How it is carried out; `standard` for RECOVER, which says nothing.
    package var opSpec: ClusterOpSpec {
        switch self {
        case .create(_, _, let opSpec), .createShare(_, _, let opSpec), .destroy(_, let opSpec),
            .startInstances(_, _, let opSpec),
            .stopInstances(_, _, _, let opSpec), .scale(_, _, let opSpec), .scaleToShare(_, _, let opSpec),
            .replaceInstances(_, _, _, let opSpec), .suspend(_, let opSpec), .rollout(_, _, _, let opSpec):
            opSpec
        case .recover: .standard
        }
    }

    /// The name in texts for people, SCALE_INSTANCES for a scale; on the wire that one is SCALE.
    package var typeName: String {
        switch self {
        case .create, .createShare: "CREATE"
        case .destroy: "DESTROY"
        case .startInstances: "START_INSTANCES"
        case .stopInstances: "STOP_INSTANCES"
        case .scale, .scaleToShare: "SCALE_INSTANCES"
        case .replaceInstances: "REPLACE_INSTANCES"
        case .suspend: "SUSPEND"
        case .recover: "RECOVER"
        case .rollout: "ROLLOUT"
        }
    }
}

/// How many instances a service has once it was moved to another application.
package enum RolloutSize: Hashable, Sendable {
    /// As many as the one that it moves from expects, or the share that this follows.
    case asBefore
    /// 1 to 2048.
    case count(Int)
    /// From then on as many as the share is.
    case share(CapacityShare)
}

extension ApplicationOperation {
    /// Of one application.
    private static let mostInstances = 2048
    private static let kinds = [
        "CREATE", "DESTROY", "START_INSTANCES", "STOP_INSTANCES", "SCALE", "SCALE_INSTANCES", "REPLACE_INSTANCES",
        "SUSPEND", "RECOVER", "ROLLOUT",
    ]

    package init(_ reader: SpecReader) {
        switch reader.kind(Self.kinds) {
        case "CREATE":
            if let share = reader.share("instances") {
                self = .createShare(reader.part("spec"), share, reader.part("opSpec"))
                return
            }
            self = .create(
                reader.part("spec"),
                instances: Int(reader.integer("instances", in: 0...2048)),
                reader.part("opSpec")
            )
        case "DESTROY": self = .destroy(Self.app(reader), reader.part("opSpec"))
        case "START_INSTANCES":
            self = .startInstances(
                Self.namedApp(reader),
                instances: Int(reader.integer("instances", in: 0...1024)),
                reader.part("opSpec")
            )
        case "STOP_INSTANCES":
            self = .stopInstances(
                Self.namedApp(reader),
                ids: Self.instances(reader, required: "must not be empty"),
                skipRespawn: reader.bool("skipRespawn"),
                reader.part("opSpec")
            )
        case "SCALE", "SCALE_INSTANCES":
            if let share = reader.share("requiredInstances") {
                self = .scaleToShare(Self.app(reader), share, reader.part("opSpec"))
                return
            }
            self = .scale(
                Self.app(reader),
                required: Int(reader.integer("requiredInstances", in: 0...2048)),
                reader.part("opSpec")
            )
        case "REPLACE_INSTANCES":
            self = .replaceInstances(
                Self.namedApp(reader),
                ids: Self.instances(reader),
                stopFirst: reader.bool("stopFirst"),
                reader.part("opSpec")
            )
        case "SUSPEND": self = .suspend(Self.app(reader), reader.part("opSpec"))
        case "ROLLOUT":
            let (app, from) = (Self.namedApp(reader), Self.namedApp(reader, "from"))
            if app == from, !app.rawValue.isEmpty {
                reader.refuse(whole: "from must be another application than appId")
            }
            self = .rollout(app, from: from, Self.size(reader), reader.part("opSpec"))
        default: self = .recover(Self.app(reader))
        }
    }

    /// Where Drove's own constraint is only that the id is there, its command check speaks for an empty one.
    private static func app(_ reader: SpecReader) -> AppID {
        let text = reader.string("appId")
        if text == nil { reader.missing("appId", "must not be null") }
        if text == "" { reader.refuse(whole: "no app id found in operation") }
        return AppID(text ?? "")
    }

    private static func namedApp(_ reader: SpecReader, _ key: String = "appId") -> AppID {
        AppID(reader.string(key, required: "must not be empty"))
    }

    private static func size(_ reader: SpecReader) -> RolloutSize {
        if let share = reader.share("requiredInstances") { return .share(share) }
        guard reader.has("requiredInstances") else { return .asBefore }
        return .count(Int(reader.integer("requiredInstances", in: 1...Int64(mostInstances))))
    }

    /// As many as an application can have.
    private static func instances(_ reader: SpecReader, required message: String? = nil) -> [InstanceID] {
        let ids = reader.strings("instanceIds", required: message)
        if ids.count > mostInstances { reader.refuse("instanceIds", "size must be at most \(mostInstances)") }
        return ids.map { InstanceID($0) }
    }

    package var json: JSON {
        switch self {
        case .create(let spec, let instances, let opSpec):
            .members([
                "type": "CREATE", "spec": spec.json, "instances": .integer(Int64(instances)), "opSpec": opSpec.json,
            ])
        case .createShare(let spec, let share, let opSpec):
            .members(["type": "CREATE", "spec": spec.json, "instances": share.json, "opSpec": opSpec.json])
        case .destroy(let app, let opSpec):
            .members(["type": "DESTROY", "appId": app.json, "opSpec": opSpec.json])
        case .startInstances(let app, let instances, let opSpec):
            .members([
                "type": "START_INSTANCES", "appId": app.json, "instances": .integer(Int64(instances)),
                "opSpec": opSpec.json,
            ])
        case .stopInstances(let app, let ids, let skipRespawn, let opSpec):
            .members([
                "type": "STOP_INSTANCES", "appId": app.json, "instanceIds": .array(ids.map(\.json)),
                "skipRespawn": .bool(skipRespawn), "opSpec": opSpec.json,
            ])
        case .scale(let app, let required, let opSpec):
            .members([
                "type": "SCALE", "appId": app.json, "requiredInstances": .integer(Int64(required)),
                "opSpec": opSpec.json,
            ])
        case .scaleToShare(let app, let share, let opSpec):
            .members(["type": "SCALE", "appId": app.json, "requiredInstances": share.json, "opSpec": opSpec.json])
        case .replaceInstances(let app, let ids, let stopFirst, let opSpec):
            .members([
                "type": "REPLACE_INSTANCES", "appId": app.json, "instanceIds": .array(ids.map(\.json)),
                "stopFirst": .bool(stopFirst), "opSpec": opSpec.json,
            ])
        case .suspend(let app, let opSpec):
            .members(["type": "SUSPEND", "appId": app.json, "opSpec": opSpec.json])
        case .recover(let app): .members(["type": "RECOVER", "appId": app.json])
        case .rollout(let app, let from, let size, let opSpec):
            .members([
                "type": "ROLLOUT", "appId": app.json, "from": from.json, "requiredInstances": size.json,
                "opSpec": opSpec.json,
            ])
        }
    }
}

extension RolloutSize {
    /// `nil` where nothing is said.
    fileprivate var json: JSON? {
        switch self {
        case .asBefore: nil
        case .count(let count): .integer(Int64(count))
        case .share(let share): share.json
        }
    }
}
