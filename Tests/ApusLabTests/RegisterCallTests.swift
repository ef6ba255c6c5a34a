import ApusLab
import ApusModel
import Testing

/// What a register with concurrent clients may answer, and what it may not.
struct RegisterCallTests {
    @Test func `calls one after the other are explained`() {
        let calls = [read(0, 0, 1), write(1, 2, 3), read(1, 4, 5), write(2, 6, 7), read(2, 8, 9)]
        #expect(violation(calls) == nil)
    }

    @Test func `of two writes at once either may be the last`() {
        for last in [1, 2] { #expect(violation([write(1, 0, 10), write(2, 0, 10), read(last, 11, 12)]) == nil) }
    }

    @Test func `during a write a read may answer either number`() {
        #expect(violation([write(1, 0, 10), read(0, 1, 2), read(1, 3, 4)]) == nil)
        #expect(violation([write(1, 0, 10), read(0, 1, 2), read(0, 3, 4)]) == nil)
    }

    @Test func `calls that touch at one instant are at once`() {
        #expect(violation([write(1, 0, 5), read(0, 5, 6)]) == nil)
    }

    @Test func `a read that began after a write's end and answers what was before is a violation`() throws {
        let found = try #require(violation([write(1, 0, 1), read(0, 2, 3)]))
        #expect(found.value == 1)
        #expect(found.explained == 1)
        #expect(found.description.contains("reads 0"))
    }

    @Test func `a write that was acknowledged and lost is a violation`() {
        let calls = [write(1, 0, 1), write(2, 2, 3), read(1, 4, 5), read(1, 6, 7)]
        #expect(violation(calls) != nil)
    }

    @Test func `a write that was acknowledged and undone later is a violation`() {
        #expect(violation([write(1, 0, 1), write(2, 2, 3), read(2, 4, 5), read(1, 6, 7)]) != nil)
    }

    @Test func `of two reads during a write the second may not answer what was before what the first did`() {
        #expect(violation([write(1, 0, 10), read(1, 1, 2), read(0, 3, 4)]) != nil)
    }

    @Test func `a number that nobody wrote is a violation`() {
        #expect(violation([write(1, 0, 1), read(3, 2, 3)]) != nil)
    }

    @Test func `a write without an answer may take place late, or never`() {
        let lost = RegisterCall(client: 1, .write(5), invoked: at(0), returned: nil)
        #expect(violation([lost, read(0, 10, 11), read(0, 20, 21)]) == nil)
        #expect(violation([lost, read(0, 10, 11), read(5, 20, 21), read(5, 30, 31)]) == nil)
        #expect(violation([lost, write(1, 10, 11), read(1, 12, 13), read(5, 20, 21)]) == nil)
    }

    @Test func `a write without an answer takes place once, and not before it began`() {
        let lost = RegisterCall(client: 1, .write(5), invoked: at(10), returned: nil)
        #expect(violation([read(5, 0, 1), lost]) != nil)
        #expect(violation([lost, read(5, 20, 21), read(0, 30, 31)]) != nil)
        #expect(violation([lost, read(5, 20, 21), write(1, 30, 31), read(5, 40, 41)]) != nil)
    }

    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func `thousands of calls of eight clients on a register are explained, and not with one answer changed`(
        seed: UInt64
    ) throws {
        var random = SplitMix64(seed: seed)
        var calls = registerCalls(3_000, clients: 8, &random)
        #expect(violation(calls) == nil)
        let reads = calls.indices.filter { if case .read = calls[$0].action { true } else { false } }
        let changed = try #require(reads.randomElement(using: &random))
        calls[changed].action = .read(-1)
        #expect(violation(calls) != nil)
    }

    @Test func `of small histories the same are violations as by trying all orders`() {
        var random = SplitMix64(seed: 5)
        var violations = 0
        for _ in 0..<3_000 {
            let calls = (0..<6).map { _ in
                let (value, begin) = (Int.random(in: 0...2, using: &random), Int64.random(in: 0...12, using: &random))
                let length = Int64.random(in: 0...6, using: &random)
                let end = Int.random(in: 0..<4, using: &random) == 0 ? nil : at(begin + length)
                let isRead = end != nil && Bool.random(using: &random)
                return RegisterCall(client: 0, isRead ? .read(value) : .write(value), invoked: at(begin), returned: end)
            }
            let isViolation = !hasOrder(calls, 0)
            #expect((violation(calls) != nil) == isViolation, "\(calls)")
            violations += isViolation ? 1 : 0
        }
        #expect((500...2_500).contains(violations), "both must come: \(violations) of 3,000 are violations")
    }

    private func hasOrder(_ calls: [RegisterCall], _ value: Int) -> Bool {
        guard calls.contains(where: { $0.returned != nil }) else { return true }
        return calls.indices.contains { index in
            var rest = calls
            let call = rest.remove(at: index)
            guard rest.allSatisfy({ $0.returned.map { $0 >= call.invoked } ?? true }) else { return false }
            return switch call.action {
            case .read(let answer): answer == value && hasOrder(rest, value)
            case .write(let written): hasOrder(rest, written)
            }
        }
    }

    /// What clients see of a true register, some of whose answers are lost.
    private func registerCalls(_ count: Int, clients: Int, _ random: inout SplitMix64) -> [RegisterCall] {
        var (value, free) = (0, Array(repeating: Int64(0), count: clients))
        var effects: [(time: Int64, place: Int)] = []
        var calls: [RegisterCall] = []
        for place in 0..<count {
            let client = place % clients
            let begin = free[client] + Int64.random(in: 1...40, using: &random)
            let effect = begin + Int64.random(in: 0...5, using: &random)
            let end = effect + Int64.random(in: 0...5, using: &random)
            free[client] = end + 1
            effects.append((effect, place))
            let isWrite = Bool.random(using: &random)
            let isLost = isWrite && Int.random(in: 0..<10, using: &random) == 0
            calls.append(
                RegisterCall(
                    client: client,
                    isWrite ? .write(Int.random(in: 0..<6, using: &random)) : .read(0),
                    invoked: at(begin),
                    returned: isLost ? nil : at(end)
                )
            )
        }
        for (_, place) in effects.sorted(by: { $0 < $1 }) {
            switch calls[place].action {
            // Half of the lost ones never took place.
            case .write(let written): if calls[place].returned != nil || Bool.random(using: &random) { value = written }
            case .read: calls[place].action = .read(value)
            }
        }
        return calls
    }

    private func violation(_ calls: [RegisterCall]) -> RegisterCall.Violation? {
        RegisterCall.violation(of: calls, initially: 0)
    }

    private func read(_ value: Int, _ begin: Int64, _ end: Int64) -> RegisterCall {
        RegisterCall(client: 0, .read(value), invoked: at(begin), returned: at(end))
    }

    private func write(_ value: Int, _ begin: Int64, _ end: Int64) -> RegisterCall {
        RegisterCall(client: 0, .write(value), invoked: at(begin), returned: at(end))
    }

    private func at(_ time: Int64) -> Moment { Moment(nanoseconds: time) }
}
