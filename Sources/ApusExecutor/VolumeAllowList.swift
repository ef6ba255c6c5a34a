import ApusContainers
import ApusModel
import Glibc

/// Which directories of the host containers may see: those that the machine's administrator names, and all below them.
struct VolumeAllowList: Hashable, Sendable {
    /// None: nothing is mounted.
    let directories: [String]

    /// The directories that a specification asks for, with their true places; reads the file system.
    ///
    /// A place is true when no symbolic link and no `..` is left in it: neither leads out of what is allowed. The
    /// engine follows the path again when it starts the container: whoever may rename and link within an allowed
    /// directory meanwhile, on the host or from a container that has it read-write, can lead it elsewhere. To allow a
    /// directory is to trust all who may write in it.
    func directories(for volumes: [MountedVolume]) throws(VolumeRefusal) -> [BoundDirectory] {
        let allowed = directories.compactMap(Self.truePlace)
        var bound: [BoundDirectory] = []
        for volume in volumes {
            guard let place = Self.place(of: volume.pathOnHost, below: allowed) else {
                // Drove's own words.
                throw VolumeRefusal(
                    description: "Volume mount requested on non whitelisted host directory: \(volume.pathOnHost)"
                )
            }
            // The engine separates with colons what it is told.
            guard !place.contains(":"), !volume.pathInContainer.contains(":") else {
                throw VolumeRefusal(
                    description: """
                        volume \(volume.pathOnHost) at \(volume.pathInContainer): a path with a colon cannot be \
                        mounted. Name the directory otherwise
                        """
                )
            }
            bound.append(
                BoundDirectory(
                    hostPath: place,
                    containerPath: volume.pathInContainer,
                    isReadOnly: volume.mode == .readOnly
                )
            )
        }
        return bound
    }

    /// The true place of a path, if it is allowed; reads the file system.
    func allowedPlace(of path: String) -> String? {
        Self.place(of: path, below: directories.compactMap(Self.truePlace))
    }

    private static func place(of path: String, below allowed: [String]) -> String? {
        guard let place = truePlace(path) else { return nil }
        let isAllowed = allowed.contains { $0 == place || place.hasPrefix($0 == "/" ? $0 : $0 + "/") }
        return isAllowed ? place : nil
    }

    /// `nil` for what is no absolute path or cannot be followed (a loop of links, no permission).
    ///
    /// Of a directory that is not there yet, the part that is there is followed.
    private static func truePlace(_ path: String) -> String? {
        guard path.hasPrefix("/"), !path.utf8.contains(0) else { return nil }
        var missing: [Substring] = []
        var present = path.split(separator: "/").filter { $0 != "." }
        while true {
            if let resolved = realpath("/" + present.joined(separator: "/"), nil) {
                defer { free(resolved) }
                let beginning = String(cString: resolved)
                return missing.isEmpty
                    ? beginning : (beginning == "/" ? "" : beginning) + "/" + missing.joined(separator: "/")
            }
            // `..` behind what is not there would have to be guessed; a link that leads nowhere is there.
            guard errno == ENOENT, let last = present.popLast(), last != "..", !isLink(present + [last]) else {
                return nil
            }
            missing.insert(last, at: 0)
        }
    }

    private static func isLink(_ parts: [Substring]) -> Bool {
        var target: CChar = 0
        return readlink("/" + parts.joined(separator: "/"), &target, 1) >= 0
    }
}

/// A volume that this executor does not mount.
struct VolumeRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    var description: String
}
