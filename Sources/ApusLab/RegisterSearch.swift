import ApusModel

/// The search for an order of a register's calls.
///
/// All orders are followed side by side, call by call, so that of those that have come to the same only the best go on.
struct RegisterSearch {
    /// What has come so far, as far as what can come next depends on it.
    private struct Place: Hashable {
        var value: Int
        /// All answered calls before this one have come, and of those from it on these.
        var first = 0
        var placed: Set<Int> = []
    }

    private struct State {
        var place: Place
        /// How many of the writes without an answer took place, by what they write: those of one number are alike.
        var used: [Int: Int] = [:]

        var placed: Int { place.first + place.placed.count }
        var usedCount: Int { used.values.reduce(0, +) }

        func usesNoLess(than other: [Int: Int]) -> Bool { other.allSatisfy { used[$0, default: 0] >= $1 } }
    }

    /// So many orders at one call are followed and no more, lest they take all memory.
    private static let mostStates = 10_000

    /// In the order in which they began.
    private let answered: [(call: RegisterCall, returned: Moment)]
    /// When the writes of each number without an answer began.
    private let unanswered: [Int: [Moment]]

    init(_ calls: [RegisterCall]) {
        let calls = calls.sorted { $0.invoked < $1.invoked }
        answered = calls.compactMap { call in call.returned.map { (call, $0) } }
        var unanswered: [Int: [Moment]] = [:]
        for call in calls where call.returned == nil {
            if case .write(let value) = call.action { unanswered[value, default: []].append(call.invoked) }
        }
        self.unanswered = unanswered
    }

    /// - Returns: `nil` if there is an order.
    func run(from value: Int) -> RegisterCall.Violation? {
        var states = [State(place: Place(value: value))]
        for level in answered.indices {
            let (next, isWhole) = follow(states, at: level)
            guard isWhole, !next.isEmpty else { return violation(states[0], isCertain: isWhole) }
            states = next
        }
        return nil
    }

    private func violation(_ state: State, isCertain: Bool) -> RegisterCall.Violation {
        RegisterCall.Violation(
            explained: state.placed,
            value: state.place.value,
            stuck: candidates(state.place).map { answered[$0].call },
            isCertain: isCertain
        )
    }

    /// Where the next call may lead, from all states in which as many have come; and whether all of them were followed.
    private func follow(_ states: [State], at level: Int) -> (next: [State], isWhole: Bool) {
        var known: [Place: [[Int: Int]]] = [:]
        var next: [State] = []
        // Those that use up less come first: others are held against them.
        var open = states
        var tried = 0
        while let least = open.indices.min(by: { open[$0].usedCount < open[$1].usedCount }) {
            let state = open.remove(at: least)
            guard !known[state.place, default: []].contains(where: state.usesNoLess) else { continue }
            known[state.place, default: []].append(state.used)
            tried += 1
            guard tried < Self.mostStates else { return (next, false) }
            for successor in successors(of: state) {
                if successor.placed == level { open.append(successor) } else { next.append(successor) }
            }
        }
        return (next, true)
    }

    /// The answered calls before whose begin no other that is still to come has ended.
    private func candidates(_ place: Place) -> [Int] {
        var (found, earliestEnd): ([Int], Moment) = ([], Moment(nanoseconds: .max))
        for index in place.first..<answered.count where !place.placed.contains(index) {
            guard answered[index].call.invoked <= earliestEnd else { break }
            found.append(index)
            earliestEnd = min(earliestEnd, answered[index].returned)
        }
        return found.filter { answered[$0].call.invoked <= earliestEnd }
    }

    private func successors(of state: State) -> [State] {
        let next = candidates(state.place)
        // A read that can come next may as well: it changes nothing.
        if let read = next.first(where: { answered[$0].call.action == .read(state.place.value) }) {
            var successor = state
            Self.put(read, in: &successor.place)
            return [successor]
        }
        let latest = next.map { answered[$0].returned }.min() ?? .zero
        return next.compactMap { index in
            var successor = state
            switch answered[index].call.action {
            case .write(let value):
                Self.put(index, in: &successor.place)
                successor.place.value = value
            case .read(let value):
                // A write without an answer that nobody reads may as well have never been.
                let used = state.used[value, default: 0]
                guard let begun = unanswered[value], used < begun.count, begun[used] <= latest else { return nil }
                successor.used[value] = used + 1
                successor.place.value = value
            }
            return successor
        }
    }

    private static func put(_ index: Int, in place: inout Place) {
        place.placed.insert(index)
        while place.placed.remove(place.first) != nil { place.first += 1 }
    }
}
