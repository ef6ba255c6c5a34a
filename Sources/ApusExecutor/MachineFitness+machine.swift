import ApusModel

/// The machine itself, for `MachineFitness.findings`.
extension MachineFitness {
    private static let fewOpenFiles: UInt64 = 4096
    /// cgroups and overlayfs have what Docker needs of them since this one.
    private static let oldestKernel = (4, 18)

    var kernelFinding: Finding? {
        guard let kernel else { return nil }
        let numbers = kernel.split { !$0.isNumber }.prefix(2).map { Int($0) ?? 0 }
        guard numbers.count == 2, (numbers[0], numbers[1]) < Self.oldestKernel else {
            return Finding(.fine, "kernel", kernel)
        }
        return Finding(.warning, "kernel", "\(kernel) is old", advice: "Use one of 4.18 or later")
    }

    var cgroupFinding: Finding {
        guard let cgroupVersion else {
            return Finding(
                .failure,
                "cgroups",
                "the kernel offers none",
                advice: "Mount them: on a plain Debian systemd does so at the start"
            )
        }
        let missing = ["cpu", "cpuset", "memory"].filter { !cgroupControllers.contains($0) }
        guard missing.isEmpty else {
            return Finding(
                .failure,
                "cgroups",
                "version \(cgroupVersion) lacks \(missing.joined(separator: " and "))",
                advice: missing.contains("memory")
                    ? "Start the kernel with cgroup_enable=memory: containers have no memory limit without it"
                    : "Containers cannot be bound to cores without it: look at the kernel's configuration"
            )
        }
        return Finding(.fine, "cgroups", "version \(cgroupVersion) with cpu, cpuset and memory")
    }

    var coresFinding: Finding {
        guard let topology else {
            return Finding(
                .failure,
                "cores",
                topologyFault,
                advice: "An executor cannot start: it has nothing to offer"
            )
        }
        let nodes = topology.nodes.map { "node \($0.id): cores \(CoreList.text($0.cores)), \($0.memoryMB) MB" }
        return Finding(.fine, "cores", "NUMA \(nodes.joined(separator: "; "))")
    }

    var memoryFinding: Finding? {
        guard let availableMemoryMB, let totalMemoryMB, totalMemoryMB > 0 else { return nil }
        let text = "\(availableMemoryMB) of \(totalMemoryMB) MB available"
        guard availableMemoryMB * 10 < totalMemoryMB else { return Finding(.fine, "memory", text) }
        return Finding(
            .warning,
            "memory",
            text,
            advice: "Keep some back with --exposed-memory, or end what else runs here"
        )
    }

    var swapFinding: Finding? {
        guard let swapMB else { return nil }
        guard swapMB > 0 else { return Finding(.fine, "swap", "none") }
        return Finding(
            .warning,
            "swap",
            "\(swapMB) MB: a container short of memory becomes slow before it is ended",
            advice: "sudo swapoff -a, and take it out of /etc/fstab"
        )
    }

    var openFilesFinding: Finding? {
        guard let openFiles else { return nil }
        guard openFiles < Self.fewOpenFiles else { return Finding(.fine, "open files", "up to \(openFiles)") }
        return Finding(
            .warning,
            "open files",
            "a process started from here may open \(openFiles)",
            advice: "ulimit -n 65536, or LimitNOFILE=65536 in the service's unit"
        )
    }

    var clockFinding: Finding {
        switch clock {
        case .synchronised: Finding(.fine, "clock", "synchronised")
        case .adrift:
            Finding(
                .warning,
                "clock",
                "not synchronised: an executor that is more than 2 s off the leader gets no work",
                advice: "Start a time service: sudo apt-get install chrony, or systemd-timesyncd"
            )
        case .unknown:
            Finding(
                .warning,
                "clock",
                "whether it is synchronised is not known: systemd does not say",
                advice: "See to it: an executor that is more than 2 s off the leader gets no work"
            )
        }
    }

    var networkFinding: Finding {
        Finding(.fine, "network", "unless told otherwise, controller and executor listen on 127.0.0.1 only")
    }
}

extension MachineFitness.Folder {
    /// A file system with less is full for all that matters.
    private static let almostNone: Int64 = 256 << 20

    var finding: Finding {
        let subject = "disk of \(name)"
        switch space {
        case .unknown(let reason):
            return Finding(.warning, subject, "\(path): \(reason)", advice: "Look whether its file system answers")
        case .known(let space):
            let text = "\(path): \(space.free >> 20) of \(space.total >> 20) MB free"
            if space.free < Self.almostNone {
                return Finding(.failure, subject, text, advice: "Make room: an executor with a full disk gets no work")
            }
            guard space.free < space.total / 10 else { return Finding(.fine, subject, text) }
            return Finding(.warning, subject, text, advice: "Make room, or name another place")
        }
    }
}

extension MachineFitness.Port {
    var finding: Finding {
        if isFree { return Finding(.fine, "port \(number)", "free for \(purpose)") }
        return Finding(
            .warning,
            "port \(number)",
            "taken, it would be for \(purpose)",
            advice: "If that is not Apus itself, give it another one with --address"
        )
    }
}
