/// All that is wrong with the links of a lab: what part of the packets from one address to another is lost.
package struct LinkFaults: Hashable, Sendable {
    private struct Link: Hashable {
        var from: String
        var to: String
        /// Only what is sent to this port, by TCP; `nil` for all.
        var port: Int?
    }

    private var losses: [Link: Double] = [:]

    /// Nothing is wrong.
    package init() {}

    /// Nothing goes from any of these to any of those; what goes the other way arrives.
    ///
    /// With a port only connections to that one fail, whichever way most of their packets go.
    package mutating func cut(from some: [String], to others: [String], port: Int? = nil) {
        lose(1, from: some, to: others, port)
    }

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

    private mutating func lose(_ part: Double, from some: [String], to others: [String], _ port: Int? = nil) {
        for from in some {
            for to in others where to != from { losses[Link(from: from, to: to, port: port)] = part }
        }
    }

    /// As `iptables-restore` reads it: it takes the place of whatever was wrong before, all at once.
    package var rules: String {
        let lines = losses.map { link, part in
            let chance = part < 1 ? " -m statistic --mode random --probability \(part)" : ""
            let port = link.port.map { " -p tcp --dport \($0)" } ?? ""
            return "-A FORWARD -s \(link.from) -d \(link.to)\(port)\(chance) -j DROP\n"
        }
        return "*filter\n:FORWARD ACCEPT [0:0]\n\(lines.sorted().joined())COMMIT\n"
    }
}
