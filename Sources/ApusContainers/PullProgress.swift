package import ApusModel

/// How far a pull has come, from the lines that the engine sends.
package struct PullProgress: Hashable, Sendable {
    private enum Layer: Hashable {
        case waiting
        case downloading(current: Int64, total: Int64)
        /// Of so many bytes; 0 if nobody said.
        case there(Int64)
    }

    private static let megabyte: Int64 = 1_000_000
    /// No image has more; an engine that says so is not believed.
    private static let mostLayers = 512

    private var layers: [String: Layer] = [:]

    package init() {}

    /// Takes in one line; what is not about a layer changes nothing.
    package mutating func take(_ line: JSON) {
        guard let id = line["id"]?.text, let status = line["status"]?.text else { return }
        guard layers[id] != nil || layers.count < Self.mostLayers else { return }
        switch status {
        case "Pulling fs layer", "Waiting", "Retrying": layers[id] = .waiting
        case "Downloading":
            let detail = line["progressDetail"]
            layers[id] = .downloading(current: Self.number(detail?["current"]), total: Self.number(detail?["total"]))
        case "Verifying Checksum", "Download complete", "Extracting", "Pull complete", "Already exists":
            layers[id] = .there(size(of: layers[id]))
        default:
            // The tag itself has an id too.
            break
        }
    }

    /// For people; empty before anything is known.
    package var text: String {
        guard !layers.isEmpty else { return "" }
        var (there, current, total): (Int, Int64, Int64) = (0, 0, 0)
        for layer in layers.values {
            switch layer {
            case .waiting: break
            case .downloading(let bytes, let all): (current, total) = (current &+ bytes, total &+ all)
            case .there(let bytes): (there, current, total) = (there + 1, current &+ bytes, total &+ bytes)
            }
        }
        let bytes =
            total == 0 ? "" : ", \(current / Self.megabyte) of \(total / Self.megabyte) MB of those that have begun"
        return "\(there) of \(layers.count) layers fetched\(bytes)"
    }

    private func size(of layer: Layer?) -> Int64 {
        switch layer {
        case .downloading(_, let total), .there(let total): total
        case .waiting, nil: 0
        }
    }

    private static func number(_ json: JSON?) -> Int64 {
        guard case .integer(let number) = json else { return 0 }
        return max(0, number)
    }
}
