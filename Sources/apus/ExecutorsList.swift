import ApusClient
import ApusModel
import ArgumentParser

struct ExecutorsList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Show all executors, those that were given up last.",
        discussion: "CPU and MEM are what is in use on the whole machine, whatever runs there."
    )

    @OptionGroup var api: APIOptions

    func run() async throws {
        try await callingAPI {
            guard !api.json else {
                Output.line(try await api.client.executors().serialized)
                return
            }
            let rows = try await api.client.executorSummaries().map { executor in
                let load = executor.presence == "LOST" ? nil : executor.load
                return [
                    executor.id.rawValue, executor.place, executor.state, executor.zone ?? "-",
                    "\(executor.freeCores)/\(executor.freeCores + executor.usedCores)",
                    "\(executor.freeMemoryMB)/\(executor.freeMemoryMB + executor.usedMemoryMB)",
                    load?.usedCPU ?? "-", load?.usedMemory ?? "-",
                    executor.tags.filter { $0 != executor.hostname }.joined(separator: ","), executor.remark,
                ]
            }
            Output.list(
                ["EXECUTOR", "ADDRESS", "STATE", "ZONE", "CORES FREE", "MB FREE", "CPU", "MEM", "TAGS", "REMARK"],
                rows,
                orElse: "no executors; start one with: apus executor"
            )
        }
    }
}

extension NodeLoad {
    /// In percent, for people; `nil` if it is not known.
    var usedCPU: String? {
        processors.flatMap { $0 > 0 ? "\(max(0, 100 - freeCPU / ($0 * 10)))%" : nil }
    }

    /// As above.
    var usedMemory: String? {
        totalMemoryMB.flatMap { $0 > 0 ? "\(max(0, 100 - freeMemoryMB * 100 / $0))%" : nil }
    }
}

extension ExecutorSummary {
    /// What its state does not say.
    var remark: String {
        var words: [String] = []
        switch duty {
        case "SUSPENDED": words.append("suspended by an operator")
        case "SUSPENDED_AT_ONCE": words.append("suspended at once by an operator")
        case "RETIRING": words.append("is being retired")
        default: break
        }
        if let absence { words.append(absence) }
        // What it said of itself is of before.
        guard presence != "LOST" else { return words.joined(separator: "; ") }
        if let until = lossHeldUntil {
            words.append("not given up for \(until.secondsLeft) s more: many fell silent together")
        }
        if quarantined > 0 { words.append("leaves \(quarantined) containers with unsound labels alone") }
        return (words + namedTroubles + waitingFor.map { "waits for \($0)" } + warnings).joined(separator: "; ")
    }

    /// That it is not heard, and of one that may come back whether its port is reached; `nil` if it is heard.
    private var absence: String? {
        guard ["SILENT", "LOST"].contains(presence) else { return nil }
        let seen = presence.lowercased() + (lastSeen.map { ", last heard \(AppsShow.age(of: $0)) ago" } ?? "")
        guard presence == "SILENT", failures.contains(where: { $0.channel == .data }) else { return seen }
        let control = failures.first { $0.channel == .control }
        return "\(seen) (\(NodeChannel.data.word)"
            + (control.map { ", \(NodeChannel.control.word): \($0.text))" } ?? "; its port is reached)")
    }

    /// What keeps it from serving, each behind the channel that fails.
    private var namedTroubles: [String] {
        troubles.map { text in
            guard let channel = failures.first(where: { $0.text == text })?.channel else { return text }
            return "\(channel.word): \(text)"
        }
    }
}
