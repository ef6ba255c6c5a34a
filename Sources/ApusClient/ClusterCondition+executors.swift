import ApusModel

/// The cluster as a whole and its executors, for `ClusterCondition.findings`.
extension ClusterCondition {
    var clusterFindings: [Finding] {
        [leaderFinding, modeFinding, restorationFinding, stopsFinding, lossesFinding].compactMap(\.self)
    }

    private var leaderFinding: Finding {
        let leader = cluster["leader"]?.text ?? ""
        guard leader.contains(":") else {
            return Finding(.failure, "leader", "no controller leads", advice: "Look at the controllers' logs")
        }
        return Finding(.fine, "leader", leader)
    }

    private var modeFinding: Finding {
        let state = cluster["state"]?.text ?? ""
        guard state != "NORMAL" else { return Finding(.fine, "state", state) }
        return Finding(
            .warning,
            "state",
            "\(state): no operation is taken and nothing is repaired",
            advice: "apus maintenance off, when the work is done"
        )
    }

    private var restorationFinding: Finding? {
        guard cluster["mode"]?.text == "RESTORED" else { return nil }
        return Finding(
            .warning,
            "state",
            "RESTORED from an export: what it does not know is not stopped",
            advice: "Look with: apus store confirm"
        )
    }

    private var stopsFinding: Finding? {
        guard case .integer(let count)? = cluster["heldStops"], count > 0 else { return nil }
        return Finding(
            .warning,
            "held stops",
            "\(count) containers that nothing claims run on, because they are many",
            advice: "Look with: apus executors confirm-stops --dry-run"
        )
    }

    private var lossesFinding: Finding? {
        guard case .array(let held)? = cluster["heldLosses"]?["executors"], !held.isEmpty else { return nil }
        return Finding(
            .failure,
            "held losses",
            "\(held.count) executors fell silent together, and are not given up yet",
            advice: "Look at the network between them and the controllers"
        )
    }

    // MARK: executors

    var executorFindings: [Finding] {
        guard !executors.isEmpty else {
            return [Finding(.failure, "executors", "there are none", advice: "Start one with: apus executor")]
        }
        let told = executors.flatMap(\.findings)
        let active = executors.count { $0.state == "ACTIVE" }
        let summary = Finding(
            active == 0 ? .failure : .fine,
            "executors",
            "\(active) of \(executors.count) take work",
            advice: active == 0 ? "Nothing can be started: see each executor below" : ""
        )
        return [summary] + told
    }

    /// Whether what runs on the fullest executor would fit elsewhere, by cores and memory alone.
    var roomFinding: Finding? {
        let active = executors.filter { $0.state == "ACTIVE" }
        guard let first = active.first else { return nil }
        guard active.count > 1 else {
            return Finding(
                .warning,
                "head room",
                "\(first.place) is the only executor: when it is lost, all is down until it is back",
                advice: "Add another one"
            )
        }
        let (cores, memory) = active.reduce((Int64(0), Int64(0))) { ($0.0 + $1.freeCores, $0.1 + $1.freeMemoryMB) }
        let crowded = active.filter { executor in
            executor.usedCores > cores - executor.freeCores || executor.usedMemoryMB > memory - executor.freeMemoryMB
        }
        guard let worst = crowded.max(by: { $0.usedCores < $1.usedCores }) else {
            return Finding(.fine, "head room", "any one executor may be lost, by cores and memory")
        }
        return Finding(
            .warning,
            "head room",
            "if \(worst.place) were lost, its \(worst.usedCores) cores and \(worst.usedMemoryMB) MB would not fit elsewhere",
            advice: "Add executors, or scale something down"
        )
    }
}

extension ExecutorSummary {
    /// As people name it.
    package var place: String { "\(hostname):\(port)" }

    /// What is amiss with it; none if nothing is.
    fileprivate var findings: [Finding] {
        var findings: [Finding] = []
        func add(_ level: Finding.Level, _ text: String, _ advice: String) {
            findings.append(Finding(level, "executor \(place)", text, advice: advice))
        }
        if presence == "LOST" {
            add(
                .failure,
                "is lost: what ran there was started elsewhere",
                "Bring it back, or forget it with: apus executors retire \(id)"
            )
            // All else is of before.
            return findings
        } else if presence == "SILENT" {
            add(.failure, "is silent", "Look whether the machine, its network and its executor are well")
        }
        for trouble in troubles { add(.failure, trouble, "It takes work again when that is gone") }
        switch duty {
        case "": break
        case "BLACKLIST_REQUESTED", "BLACKLISTED":
            add(.warning, "is blacklisted", "apus executors unblacklist \(id), when it is to work again")
        case "RETIRING": add(.warning, "is being retired", "apus executors resume \(id) ends that")
        default: add(.warning, "is suspended by an operator", "apus executors resume \(id), when it is to work again")
        }
        for service in waitingFor { add(.warning, "waits for \(service)", "apus explain --local-service says why") }
        if findings.isEmpty, state != "ACTIVE" {
            add(.warning, "is \(state) (\(presence))", "apus executors show \(id)")
        }
        for warning in warnings { add(.warning, warning, "") }
        if quarantined > 0 {
            add(.warning, "leaves \(quarantined) containers with unsound labels alone", "apus executors show \(id)")
        }
        return findings
    }
}
