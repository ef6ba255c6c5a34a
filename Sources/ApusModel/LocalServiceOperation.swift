/// What can be asked of a local service (contract §4.5).
package enum LocalServiceOperation: SpecPart {
    /// `instancesPerHost` 1 to 256.
    case create(LocalServiceSpec, instancesPerHost: Int)
    case activate(ServiceID)
    case deactivate(ServiceID)
    /// One instance on one executor.
    case deployTestInstance(ServiceID)
    case destroy(ServiceID)
    /// `instancesPerHost` 1 to 256.
    case updateInstanceCount(ServiceID, instancesPerHost: Int)
    case adjustInstances(ServiceID, ClusterOpSpec)
    /// No ids mean all that are healthy.
    case replaceInstances(ServiceID, ids: [InstanceID], stopFirst: Bool, ClusterOpSpec)
    case stopInstances(ServiceID, ids: [InstanceID], ClusterOpSpec)
    case restart(ServiceID, stopFirst: Bool, ClusterOpSpec)

    /// The service it is about; for a creation the one to be.
    package var serviceID: ServiceID {
        switch self {
        case .create(let spec, _): spec.id
        case .activate(let service), .deactivate(let service), .deployTestInstance(let service), .destroy(let service),
            .updateInstanceCount(let service, _), .adjustInstances(let service, _),
            .replaceInstances(let service, _, _, _), .stopInstances(let service, _, _), .restart(let service, _, _):
            service
        }
    }

    /// The discriminator on the wire, and the name in texts for people.
    package var typeName: String {
        switch self {
        case .create: "CREATE"
        case .activate: "ACTIVATE"
        case .deactivate: "DEACTIVATE"
        case .deployTestInstance: "DEPLOY_TEST_INSTANCE"
        case .destroy: "DESTROY"
        case .updateInstanceCount: "UPDATE_INSTANCE_COUNT"
        case .adjustInstances: "ADJUST_INSTANCES"
        case .replaceInstances: "REPLACE_INSTANCES"
        case .stopInstances: "STOP_INSTANCES"
        case .restart: "RESTART"
        }
    }
}

extension LocalServiceOperation {
    /// Named at a time.
    private static let mostInstances = 2048
    /// STOP is what DEACTIVATE was called.
    private static let kinds = [
        "CREATE", "ACTIVATE", "DEACTIVATE", "STOP", "DEPLOY_TEST_INSTANCE", "DESTROY", "UPDATE_INSTANCE_COUNT",
        "ADJUST_INSTANCES", "REPLACE_INSTANCES", "STOP_INSTANCES", "RESTART",
    ]

    package init(_ reader: SpecReader) {
        switch reader.kind(Self.kinds) {
        case "CREATE": self = .create(reader.part("spec"), instancesPerHost: Self.instancesPerHost(reader))
        case "ACTIVATE": self = .activate(Self.service(reader))
        case "DEACTIVATE", "STOP": self = .deactivate(Self.service(reader))
        case "DEPLOY_TEST_INSTANCE": self = .deployTestInstance(Self.service(reader))
        case "DESTROY": self = .destroy(Self.service(reader))
        case "UPDATE_INSTANCE_COUNT":
            self = .updateInstanceCount(Self.service(reader), instancesPerHost: Self.instancesPerHost(reader))
        case "ADJUST_INSTANCES": self = .adjustInstances(Self.service(reader), reader.part("opSpec") ?? .standard)
        case "REPLACE_INSTANCES":
            self = .replaceInstances(
                Self.service(reader),
                ids: Self.instances(reader),
                stopFirst: reader.bool("stopFirst"),
                reader.part("opSpec") ?? .standard
            )
        case "STOP_INSTANCES":
            self = .stopInstances(
                Self.service(reader),
                ids: Self.instances(reader, required: "must not be empty"),
                reader.part("opSpec") ?? .standard
            )
        default:
            self = .restart(
                Self.service(reader),
                stopFirst: reader.bool("stopFirst"),
                // Drove reads the first name alone, its own command line sends the second.
                reader.part("clusterOpSpec") ?? reader.part("opSpec") ?? .standard
            )
        }
    }

    private static func instancesPerHost(_ reader: SpecReader) -> Int {
        Int(clamping: reader.integer("instancesPerHost", in: 1...256))
    }

    private static func service(_ reader: SpecReader) -> ServiceID {
        let text = reader.string("serviceId")
        if text == nil { reader.missing("serviceId", "must not be null") }
        if text == "" { reader.refuse(whole: "No local service id found in operation") }
        return ServiceID(text ?? "")
    }

    private static func instances(_ reader: SpecReader, required message: String? = nil) -> [InstanceID] {
        let ids = reader.strings("instanceIds", required: message)
        if ids.count > mostInstances { reader.refuse("instanceIds", "size must be at most \(mostInstances)") }
        return ids.map { InstanceID($0) }
    }

    package var json: JSON {
        let type = JSON.string(typeName)
        let id = serviceID.json
        return switch self {
        case .create(let spec, let count):
            .members(["type": type, "spec": spec.json, "instancesPerHost": .integer(Int64(count))])
        case .activate, .deactivate, .deployTestInstance, .destroy: .members(["type": type, "serviceId": id])
        case .updateInstanceCount(_, let count):
            .members(["type": type, "serviceId": id, "instancesPerHost": .integer(Int64(count))])
        case .adjustInstances(_, let opSpec): .members(["type": type, "serviceId": id, "opSpec": opSpec.json])
        case .replaceInstances(_, let ids, let stopFirst, let opSpec):
            .members([
                "type": type, "serviceId": id, "instanceIds": .array(ids.map(\.json)), "stopFirst": .bool(stopFirst),
                "opSpec": opSpec.json,
            ])
        case .stopInstances(_, let ids, let opSpec):
            .members(["type": type, "serviceId": id, "instanceIds": .array(ids.map(\.json)), "opSpec": opSpec.json])
        case .restart(_, let stopFirst, let opSpec):
            .members([
                "type": type, "serviceId": id, "stopFirst": .bool(stopFirst), "clusterOpSpec": opSpec.json,
            ])
        }
    }
}
