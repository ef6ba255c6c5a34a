package import ApusModel

/// One call of a client on a register, which holds a number: when it began and ended, and what it did.
///
/// A call that was refused did nothing and is none, and so is a read without an answer.
package struct RegisterCall: Hashable, Sendable, CustomStringConvertible {
    package enum Action: Hashable, Sendable {
        /// It answered this number.
        case read(Int)
        case write(Int)
    }

    package var client: Int
    package var action: Action
    package var invoked: Moment
    /// `nil` of a write whose answer never came: it takes place at any time from then on, or never.
    package var returned: Moment?

    package init(client: Int, _ action: Action, invoked: Moment, returned: Moment?) {
        self.client = client
        self.action = action
        self.invoked = invoked
        self.returned = returned
    }

    package var description: String {
        let what =
            switch action {
            case .read(let value): "reads \(value)"
            case .write(let value): "writes \(value)"
            }
        let end = returned.map { "\($0.nanoseconds / 1_000) µs" } ?? "without an answer"
        return "client \(client) \(what), \(invoked.nanoseconds / 1_000) µs to \(end)"
    }
}

extension RegisterCall {
    /// No order of the calls explains what they answered.
    package struct Violation: Error, Hashable, Sendable, CustomStringConvertible {
        /// How many calls an order explains at most, and what the register then holds.
        package var explained: Int
        package var value: Int
        /// One of these must come next, and none can.
        package var stuck: [RegisterCall]
        /// False if there were too many orders to try them all.
        package var isCertain: Bool

        package var description: String {
            "\(isCertain ? "" : "so far ")after \(explained) calls the register holds \(value), and none of these can "
                + "come next:\n" + stuck.map { "  \($0)" }.joined(separator: "\n")
        }
    }

    /// Looks for an order in which a single register would have answered so: each call takes effect at one moment between
    /// its begin and its end (Wing and Gong 1993).
    ///
    /// - Returns: `nil` if there is one.
    package static func violation(of calls: [RegisterCall], initially value: Int) -> Violation? {
        RegisterSearch(calls).run(from: value)
    }
}
