/// An expected count that follows the cluster: a share of what the executors that match an application can hold.
///
/// On the wire `"7%"`, which is of cores, or `{"share":"7%","of":"MEMORY","least":2,"most":50}`.
package struct CapacityShare: Hashable, Sendable {
    /// What is counted to say how many instances an executor can hold.
    package enum Measure: Hashable, Sendable {
        case cores
        case memory
        /// A named quantity of the executors, of which each instance takes what it asks for, or one.
        case quantity(String)
    }

    /// As many instances as an application can have.
    package static let mostInstances = 2048
    private static let longestName = 255

    /// In hundredths of a percent, 1 to 10,000.
    package var hundredths: Int
    package var measure: Measure
    /// However small the share is; 1 unless it says otherwise, so that an application does not vanish with its machines.
    package var least: Int
    package var most: Int

    /// - Throws: `JSONError` with the first that is wrong.
    package init(
        parsing text: String,
        of measure: Measure = .cores,
        least: Int = 1,
        most: Int = Self.mostInstances
    ) throws(JSONError) {
        hundredths = try Self.hundredths(text)
        self.measure = measure
        guard (0...Self.mostInstances).contains(least) else {
            throw JSONError("least must be 0 to \(Self.mostInstances)")
        }
        guard (max(least, 1)...Self.mostInstances).contains(most) else {
            throw JSONError("most must be \(max(least, 1)) to \(Self.mostInstances)")
        }
        self.least = least
        self.most = most
    }

    /// A percentage with at most two decimals.
    private static func hundredths(_ text: String) throws(JSONError) -> Int {
        let refusal = JSONError(
            "a share is a percentage from 0.01% to 100%, such as 7% or 12.5%, not \(text.prefix(20))"
        )
        guard text.hasSuffix("%"), text.utf8.count <= 8 else { throw refusal }
        let parts = text.dropLast().split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let whole = digits(parts[0]) else { throw refusal }
        var hundredths = whole * 100
        if parts.count == 2 {
            guard let decimals = digits(parts[1]), parts[1].count <= 2 else { throw refusal }
            hundredths += parts[1].count == 1 ? decimals * 10 : decimals
        }
        guard (1...10_000).contains(hundredths) else { throw refusal }
        return hundredths
    }

    private static func digits(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        return Int(text)
    }

    /// How many instances it is where so many have room; rounded down.
    package func count(ofRoomFor room: Int) -> Int {
        let share = min(max(room, 0), 1 << 40) * hundredths / 10_000
        return min(max(share, least), most)
    }

    /// `7%`, `12.5%`.
    package var text: String {
        let (whole, rest) = hundredths.quotientAndRemainder(dividingBy: 100)
        guard rest > 0 else { return "\(whole)%" }
        return rest % 10 == 0 ? "\(whole).\(rest / 10)%" : "\(whole).\(rest < 10 ? "0" : "")\(rest)%"
    }

    /// The long form.
    package var json: JSON {
        let of =
            switch measure {
            case .cores: "CPU"
            case .memory: "MEMORY"
            case .quantity(let name): name
            }
        return .members([
            "share": .string(text), "of": .string(of), "least": .integer(Int64(least)), "most": .integer(Int64(most)),
        ])
    }

    /// Reads either form.
    ///
    /// - Throws: `JSONError` with the first that is wrong.
    package init(json: JSON) throws(JSONError) {
        if case .string(let text) = json {
            try self.init(parsing: text)
            return
        }
        let of = json["of"] == nil ? "CPU" : try json.string("of")
        guard (1...Self.longestName).contains(of.utf8.count) else {
            throw JSONError("of must be CPU, MEMORY or the name of a quantity")
        }
        try self.init(
            parsing: try json.string("share"),
            of: try Self.measure(named: of),
            least: json["least"] == nil ? 1 : try json.int("least"),
            most: json["most"] == nil ? Self.mostInstances : try json.int("most")
        )
    }
}

extension CapacityShare {
    /// The types of resources as in a specification, in any case; whatever else is a quantity's own name.
    private static func measure(named name: String) throws(JSONError) -> Measure {
        switch name.uppercased() {
        case "CPU": .cores
        case "MEMORY": .memory
        case "DISK": .quantity(Topology.disk)
        default: .quantity(name)
        }
    }
}

extension SpecReader {
    /// A share where a number may stand as well; `nil` if it is to be read as one.
    func share(_ key: String) -> CapacityShare? {
        guard let value = raw(key) else { return nil }
        switch value {
        case .object: break
        case .string(let text) where text.hasSuffix("%"): break
        default: return nil
        }
        do {
            return try CapacityShare(json: value)
        } catch {
            fault(key, "- \(error.message)")
            return nil
        }
    }
}
