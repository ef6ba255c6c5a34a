/// All that is wrong with the links of a lab: what part of the packets from one address to another is lost.
package struct LinkFaults: Hashable, Sendable {
    private struct Link: Hashable {
        var from: String
        var to: String
    }

    private var losses: [Link: Double] = [:]

    /// Nothing is wrong.
    package init() {}

    /// Nothing goes from any of these to any of those; what goes the other way arrives.
    package mutating func cut(from some: [String], to others: [String]) { lose(1, from: some, to: others) }

    /// Nothing goes either way.
    package mutating func cut(_ some: [String], from others: [String]) {
        cut(from: some, to: others)
        cut(from: others, to: some)
    }

    /// That part of the packets is lost, either way.
    package mutating func lose(_ part: Double, between some: [String], and others: [String]) {
        lose(part, from: some, to: others)
        lose(part, from: others, to: some)
    }

    private mutating func lose(_ part: Double, from some: [String], to others: [String]) {
        for from in some {
            for to in others where to != from { losses[Link(from: from, to: to)] = part }
        }
    }

    /// As `iptables-restore` reads it: it takes the place of whatever was wrong before, all at once.
    package var rules: String {
        let lines = losses.map { link, part in
            let chance = part < 1 ? " -m statistic --mode random --probability \(part)" : ""
            return "-A FORWARD -s \(link.from) -d \(link.to)\(chance) -j DROP\n"
        }
        return "*filter\n:FORWARD ACCEPT [0:0]\n\(lines.sorted().joined())COMMIT\n"
    }
}
