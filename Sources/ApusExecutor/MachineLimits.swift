import ApusContainers
package import ApusModel

/// What containers of this machine may have: its administrator's word, which no controller can change.
///
/// What is left out is allowed, except for folders, files, devices and fetches of this machine: of those there are only
/// the ones that are listed.
package struct MachineLimits: Hashable, Sendable {
    /// Images that may run, each as `admits` reads it; `nil` allows all.
    package var images: [String]?
    /// `user` or `user:group`, in numbers: a name means what the image says; `nil` allows all.
    package var users: [String]?
    /// Folders that containers may mount, with all below them.
    package var volumes: [String] = []
    /// Folders whose files may be put into containers.
    package var configFolders: [String] = []
    /// Device files, whole paths.
    package var devices: [String] = []
    /// Devices of the engine's drivers, GPUs say.
    package var allowsDeviceRequests = false
    /// Whether a specification may give its container a command line.
    package var allowsArguments = true
    /// Whether a local service of the host level may take the very ports of the machine that it names.
    package var allowsHostNetworking = true
    /// Whether people may run commands of their own in containers that run.
    package var allowsExec = true
    package var mostCores: Int?
    package var mostMemoryMB: Int64?
    /// Whom configuration files may be fetched from.
    package var fetches: [FetchTarget] = []

    package init() {}

    /// What of the instance exceeds them, with the limit's name; `nil` if nothing does.
    ///
    /// Folders and files are not looked at here: where they lead is found in the file system.
    func excess(of instance: InstanceSpec) -> LimitExcess? {
        let workload = instance.workload
        let image = workload.executable.url
        if let images, !images.contains(where: { Self.admits($0, image) }) {
            return LimitExcess("images", "image \(image) is none of \(images)")
        }
        if let excess = excess(ofUser: workload.userSpec) ?? excess(ofDevices: workload.devices) { return excess }
        if let excess = excess(ofConfigs: workload) ?? Self.excess(ofLogging: workload.logging) { return excess }
        if !allowsArguments, !workload.args.isEmpty {
            return LimitExcess("arguments", "the instance has a command line of its own")
        }
        if !allowsHostNetworking, workload.hostPorts != nil {
            return LimitExcess("hostNetworking", "the service wants ports of the machine itself")
        }
        if let mostCores, instance.allocation.cores.count > mostCores {
            return LimitExcess("largest.cores", "\(instance.allocation.cores.count) cores, at most \(mostCores)")
        }
        if let mostMemoryMB, instance.allocation.memoryMB > mostMemoryMB {
            return LimitExcess("largest.memoryMB", "\(instance.allocation.memoryMB) MB, at most \(mostMemoryMB) MB")
        }
        return nil
    }

    /// What of a command in a running container exceeds them; `nil` if nothing does.
    func excess(of request: ExecRequest) -> LimitExcess? {
        guard allowsExec else { return LimitExcess("exec", "no commands are run in running containers") }
        guard allowsArguments else {
            return LimitExcess("arguments", "the command line would be another than the image's own")
        }
        // The container's own was found to be one of them.
        guard let users, let user = request.user, !users.contains(user) else { return nil }
        return LimitExcess("users", "user \(user) is none of \(users)")
    }

    /// Whether `listed` means that image: `a/` all below it, `a` or `a:` that one with any tag or digest, `a:1` or
    /// `a@sha256:…` exactly that.
    static func admits(_ listed: String, _ image: String) -> Bool {
        if listed.hasSuffix("/") { return image.hasPrefix(listed) }
        let name = listed.hasSuffix(":") ? String(listed.dropLast()) : listed
        return listed == image || ImageReference(image).name == name
    }

    private func excess(ofUser user: UserSpec?) -> LimitExcess? {
        guard let users else { return nil }
        guard let user else {
            return LimitExcess(
                "users",
                "the instance names no user, and the image's own may be any; one of \(users) is"
            )
        }
        let whole = [user.user, user.group].compactMap(\.self).joined(separator: ":")
        guard !users.contains(whole) else { return nil }
        return LimitExcess("users", "user \(whole) is none of \(users)")
    }

    /// Containers have no more rights than their user, whatever programs of the image's owner they run.
    var keepsUser: Bool { users != nil }

    /// The engine writes them as root, and a link of the image may lead from any place to any other: not where a user
    /// without its rights has a folder of the host to write in.
    private func excess(ofConfigs workload: Workload) -> LimitExcess? {
        guard keepsUser, let config = workload.configs.first,
            let volume = workload.volumes.first(where: { $0.mode != .readOnly })
        else { return nil }
        return LimitExcess(
            "users",
            "configuration file \(config.localFilename) would be written by root beside \(volume.pathInContainer), a "
                + "volume that the container may write to; mount that READ_ONLY, or do without one of them"
        )
    }

    /// The engine would connect to any socket of the machine that it is told.
    private static func excess(ofLogging logging: LoggingSpec) -> LimitExcess? {
        guard case .rsyslog(let server, _, _) = logging else { return nil }
        guard !["udp://", "tcp://", "tcp+tls://"].contains(where: server.hasPrefix) else { return nil }
        return LimitExcess("logging", "syslog server \(server) is none of udp://, tcp:// or tcp+tls://")
    }

    private func excess(ofDevices wanted: [DeviceSpec]) -> LimitExcess? {
        for device in wanted {
            switch device {
            case .direct(let path, _, _) where !devices.contains(path):
                return LimitExcess("devices", "device \(path) is none of \(devices)")
            case .detailed where !allowsDeviceRequests:
                return LimitExcess("deviceRequests", "devices of the engine's drivers are not allowed")
            case .direct, .detailed: continue
            }
        }
        return nil
    }
}

/// What an instance asks for and this machine does not give.
struct LimitExcess: Error, Hashable, Sendable, CustomStringConvertible {
    let limit: String
    let what: String

    init(_ limit: String, _ what: String) {
        self.limit = limit
        self.what = what
    }

    var description: String { "this machine's limit `\(limit)` forbids it: \(what)" }
}

extension MachineLimits {
    /// Reads what the file says.
    ///
    /// - Throws: `JSONError` naming what is wrong; a name that is not known is, for a limit that is misspelt would be
    ///   none.
    package init(json: JSON) throws(JSONError) {
        guard case .object(let members) = json else { throw JSONError("it must hold limits by their names") }
        for member in members { try set(member.key, member.value) }
    }

    private mutating func set(_ name: String, _ value: JSON) throws(JSONError) {
        switch name {
        case "images": images = try Self.strings(value, name)
        case "users": users = try Self.users(value, name)
        case "volumes": volumes = try Self.paths(value, name)
        case "configFolders": configFolders = try Self.paths(value, name)
        case "devices": devices = try Self.paths(value, name)
        case "deviceRequests": allowsDeviceRequests = try Self.flag(value, name)
        case "arguments": allowsArguments = try Self.flag(value, name)
        case "hostNetworking": allowsHostNetworking = try Self.flag(value, name)
        case "exec": allowsExec = try Self.flag(value, name)
        case "fetches":
            fetches = []
            for text in try Self.strings(value, name) {
                guard let target = FetchTarget(text) else {
                    throw JSONError("fetches: \(text) is no host, nor host:port")
                }
                fetches.append(target)
            }
        case "largest": try setLargest(value)
        default: throw JSONError("there is no limit \(name)")
        }
    }

    private static func users(_ value: JSON, _ name: String) throws(JSONError) -> [String] {
        let users = try strings(value, name)
        for user in users where user.split(separator: ":").contains(where: { Int64($0) == nil }) {
            throw JSONError("users: \(user) is a name, which each image reads as it likes; give numbers")
        }
        return users
    }

    private mutating func setLargest(_ value: JSON) throws(JSONError) {
        guard case .object(let members) = value else { throw JSONError("largest must hold cores and memoryMB") }
        for member in members {
            guard case .integer(let number) = member.value, number > 0 else {
                throw JSONError("largest.\(member.key) must be a whole number above 0")
            }
            switch member.key {
            case "cores": mostCores = Int(number)
            case "memoryMB": mostMemoryMB = number
            default: throw JSONError("there is no limit largest.\(member.key)")
            }
        }
    }

    private static func strings(_ value: JSON, _ name: String) throws(JSONError) -> [String] {
        guard case .array(let elements) = value else { throw JSONError("\(name) must be a list") }
        var texts: [String] = []
        for element in elements {
            // A number without quotes is a user's.
            if case .integer(let number) = element { texts.append("\(number)"); continue }
            guard let text = element.text else { throw JSONError("\(name) must be a list of texts") }
            texts.append(text)
        }
        return texts
    }

    private static func paths(_ value: JSON, _ name: String) throws(JSONError) -> [String] {
        let paths = try strings(value, name)
        for path in paths where !path.hasPrefix("/") { throw JSONError("\(name): \(path) must begin with /") }
        return paths
    }

    private static func flag(_ value: JSON, _ name: String) throws(JSONError) -> Bool {
        guard case .bool(let flag) = value else { throw JSONError("\(name) must be true or false") }
        return flag
    }
}
