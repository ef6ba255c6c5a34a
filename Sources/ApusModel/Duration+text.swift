/// A duration as written in a specification: a number and its unit, both kept (contract §0.2).
package struct DurationText: Hashable, Sendable {
    package enum Unit: String, Sendable, CaseIterable {
        case nanoseconds, microseconds, milliseconds, seconds, minutes, hours, days
    }
    package var amount: Int64
    package var unit: Unit

    package init(_ amount: Int64, _ unit: Unit) {
        self.amount = amount
        self.unit = unit
    }
}
