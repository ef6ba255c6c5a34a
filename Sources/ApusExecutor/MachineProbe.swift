import ApusClient
import ApusModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Looks at the machine that it runs on, for `MachineFitness`.
package struct MachineProbe: Sendable {
    /// Of one look at a file system, which may hang.
    private static let patience = Duration.seconds(5)

    /// Stands before `/proc`, `/sys` and `/run`, for tests.
    private let root: String
    private let lookups = Lookups(limit: 4)

    package init(below root: String = "") { self.root = root }

    /// Fills in all but the engine, which was asked already.
    ///
    /// `folders` are names and paths; of one that is not there yet the folder counts in which it would be made.
    /// `ports` are numbers of 127.0.0.1 and what they would be for.
    package func complete(
        _ fitness: MachineFitness,
        folders: [(name: String, path: String)],
        ports: [(number: Int, purpose: String)]
    ) async -> MachineFitness {
        var fitness = fitness
        readKernel(into: &fitness)
        readProcess(into: &fitness)
        fitness.clock = await clock()
        for (name, path) in folders { fitness.folders.append(await folder(name, path)) }
        fitness.ports = ports.map { number, purpose in
            MachineFitness.Port(number: number, purpose: purpose, isFree: isFree(number))
        }
        return fitness
    }

    // MARK: the kernel

    /// Its own files never hang.
    private func readKernel(into fitness: inout MachineFitness) {
        fitness.kernel = text("/proc/sys/kernel/osrelease")?.filter { !$0.isWhitespace }
        (fitness.cgroupVersion, fitness.cgroupControllers) = cgroups()
        do {
            fitness.topology = try Topology(kernelBelow: root, sharing: .pinned)
        } catch {
            fitness.topologyFault = "\(error)"
        }
        let memory = text("/proc/meminfo").map(Self.megabytes) ?? [:]
        fitness.totalMemoryMB = memory["MemTotal:"]
        fitness.availableMemoryMB = memory["MemAvailable:"]
        fitness.swapMB = memory["SwapTotal:"]
    }

    /// Of lines such as `MemTotal: 24690000 kB`.
    private static func megabytes(_ text: String) -> [Substring: Int64] {
        var values: [Substring: Int64] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count > 1 { values[words[0]] = Int64(words[1]).map { $0 / 1024 } }
        }
        return values
    }

    private func cgroups() -> (version: Int?, controllers: Set<String>) {
        if let unified = text("/sys/fs/cgroup/cgroup.controllers") {
            return (2, Set(unified.split(whereSeparator: \.isWhitespace).map(String.init)))
        }
        // Name, hierarchy, number, enabled.
        guard let table = text("/proc/cgroups") else { return (nil, []) }
        let rows = table.split(separator: "\n").map { $0.split(whereSeparator: \.isWhitespace) }
        return (1, Set(rows.filter { $0.count == 4 && $0[3] == "1" }.map { String($0[0]) }))
    }

    /// `nil` if there is none, or it cannot be read.
    private func text(_ path: String) -> String? {
        do {
            return try KernelFile.text(below: root, path, atMost: 1 << 20)
        } catch {
            return nil
        }
    }

    // MARK: this process

    private func readProcess(into fitness: inout MachineFitness) {
        fitness.user = getpwuid(geteuid()).map { String(cString: $0.pointee.pw_name) } ?? ""
        fitness.isSocketForbidden =
            access(fitness.socket, F_OK) == 0 && access(fitness.socket, R_OK | W_OK) != 0 && errno == EACCES
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        fitness.openFiles = UInt64(limit.rlim_cur)
    }

    /// As systemd knows it, whoever keeps the time.
    private func clock() async -> MachineFitness.Clock {
        if text("/run/systemd/timesync/synchronized") != nil { return .synchronised }
        do {
            let told = try await lookups.run(within: .seconds(4), doing: "running timedatectl") {
                try ProgramRun.output(
                    of: ["timedatectl", "show", "--property=NTPSynchronized", "--value"],
                    within: .seconds(2),
                    atMost: 64
                )
            }
            switch String(decoding: told, as: UTF8.self).filter({ !$0.isWhitespace }) {
            case "yes": return .synchronised
            case "no": return .adrift
            default: return .unknown
            }
        } catch {
            // A machine without systemd.
            return .unknown
        }
    }

    private func isFree(_ port: Int) -> Bool {
        do {
            try PortReservation(
                ports: [PortSpec(name: "port", port: port, type: .tcp)],
                address: "127.0.0.1",
                excluding: [],
                again: [PortMapping(name: "port", containerPort: port, hostPort: port, type: .tcp)]
            ).release()
            return true
        } catch {
            return false
        }
    }

    // MARK: disks

    private func folder(_ name: String, _ path: String) async -> MachineFitness.Folder {
        let space: MachineFitness.Folder.Space
        do {
            let known = try await lookups.run(within: Self.patience, doing: "looking at \(path)") {
                try FileSystemSpace(holding: Self.nearest(to: path))
            }
            space = known.map { .known($0) } ?? .unknown("its file system does not say how large it is")
        } catch {
            space = .unknown("\(error)")
        }
        return MachineFitness.Folder(name: name, path: path, space: space)
    }

    /// The path, or the folder above it that is there; a relative one begins in the working directory.
    package static func nearest(to path: String) -> String {
        var whole = path
        if !path.hasPrefix("/"), let here = getcwd(nil, 0) {
            whole = "\(String(cString: here))/\(path)"
            free(here)
        }
        var parts = whole.split(separator: "/")
        while !parts.isEmpty {
            let tried = "/" + parts.joined(separator: "/")
            if access(tried, F_OK) == 0 { return tried }
            parts.removeLast()
        }
        return "/"
    }
}
