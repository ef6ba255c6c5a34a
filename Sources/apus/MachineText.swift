import ApusExecutor
import ApusModel

/// What an executor's details say of its machine, for people.
struct MachineText {
    private let details: JSON

    init(_ details: JSON) { self.details = details }

    var lines: [String] {
        var lines = nodes
        lines.append(sharing)
        for (name, amounts) in members(details["quantities"]) {
            lines.append("\(name): \(number(amounts["free"])) of \(number(amounts["total"])) free")
        }
        if let zone = details["zone"]?.text { lines.append("zone \(zone)") }
        let metadata = members(details["metadata"]).compactMap { key, value in value.text.map { "\(key)=\($0)" } }
        if !metadata.isEmpty { lines.append("metadata \(metadata.joined(separator: ", "))") }
        return lines
    }

    private var nodes: [String] {
        let layout = details["state"]?["layout"]
        return members(layout?["cores"]).map { id, cores in
            let groups = threads(layout?["siblings"]?[id])
            let text = groups.isEmpty ? "" : ", threads of one core: \(groups.joined(separator: " "))"
            let free = details["state"]?["memory"]?["freeMemory"]?[id]
            return "NUMA node \(id): cores \(CoreList.text(integers(cores)))\(text), "
                + "\(number(layout?["memory"]?[id])) MB, \(freeCores(id)) cores and \(number(free)) MB free"
        }
    }

    private var sharing: String {
        let cores =
            switch details["sharedMultiplier"] {
            case .integer(let multiplier)?: "cores are shared, each handed out \(multiplier) times"
            default: "each instance has its cores to itself"
            }
        guard case .integer(let multiplier)? = details["memoryMultiplier"] else { return cores }
        return "\(cores); memory is handed out \(multiplier) times"
    }

    /// How many; of shared cores each counts as often as it is handed out.
    private func freeCores(_ id: String) -> Int {
        details["state"]?["cpus"]?["freeCores"]?[id].map { integers($0).count } ?? 0
    }

    private func threads(_ groups: JSON?) -> [String] {
        guard case .array(let groups)? = groups else { return [] }
        return groups.map { integers($0).map { "\($0)" }.joined(separator: "+") }
    }

    private func integers(_ json: JSON) -> [Int] {
        guard case .array(let elements) = json else { return [] }
        return elements.compactMap { if case .integer(let number) = $0 { Int(number) } else { nil } }
    }

    private func number(_ json: JSON?) -> Int64 { if case .integer(let number)? = json { number } else { 0 } }

    private func members(_ json: JSON?) -> [(String, JSON)] {
        guard case .object(let members)? = json else { return [] }
        return members.map { ($0.key, $0.value) }
    }
}
