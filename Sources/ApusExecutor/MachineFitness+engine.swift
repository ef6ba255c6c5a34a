import ApusContainers
import ApusModel

/// The container engine, for `MachineFitness.findings`.
extension MachineFitness {
    /// Those that share the layers of images between containers.
    private static let layering: Set<String> = ["overlay2", "overlayfs", "fuse-overlayfs", "btrfs", "zfs"]

    var engineFindings: [Finding] {
        switch engine {
        case .silent(let reason): [silence(reason)]
        case .answers(let version, let info):
            [
                Finding(.fine, "docker", "Docker \(version.engine) at \(socket), API \(version.api)"),
                storage(info.storageDriver), restart(info),
            ] + info.warnings.map { Finding(.warning, "docker", $0, advice: "It is Docker's own warning: docker info") }
        }
    }

    private func silence(_ reason: String) -> Finding {
        guard isSocketForbidden else {
            return Finding(
                .failure,
                "docker",
                "no engine answers at \(socket): \(reason)",
                advice: "Start Docker, or name its socket with --docker-socket or DOCKER_HOST=unix:///path"
            )
        }
        return Finding(
            .failure,
            "docker",
            "\(user.isEmpty ? "this user" : user) may not use \(socket)",
            advice: "sudo usermod -aG docker \(user.isEmpty ? "USER" : user), and log in again"
        )
    }

    private func storage(_ driver: String) -> Finding {
        if Self.layering.contains(driver) { return Finding(.fine, "docker storage", driver) }
        return Finding(
            .warning,
            "docker storage",
            driver.isEmpty ? "the engine does not say how it stores images" : "\(driver): slow, or wasteful of disk",
            advice: #"Set "storage-driver": "overlay2" in /etc/docker/daemon.json on a file system that can do it"#
        )
    }

    private func restart(_ info: EngineInfo) -> Finding {
        if info.isLiveRestoring {
            return Finding(.fine, "docker restart", "containers live on while the engine restarts (live-restore)")
        }
        return Finding(
            .warning,
            "docker restart",
            "when the engine restarts, all containers end; Apus starts services again, and tasks have failed",
            advice: #"Set "live-restore": true in /etc/docker/daemon.json"#
        )
    }
}
