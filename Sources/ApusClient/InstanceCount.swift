package import ApusModel

/// How many instances are wanted: so many, or a share of what the cluster can hold.
package enum InstanceCount: Hashable, Sendable {
    /// 0 to `CapacityShare.mostInstances`.
    case number(Int)
    case share(CapacityShare)

    /// As an operation takes it.
    package var json: JSON {
        switch self {
        case .number(let number): .integer(Int64(number))
        case .share(let share): share.json
        }
    }

    /// How many an operation starts, if that is known here.
    package var number: Int? { if case .number(let number) = self { number } else { nil } }

    /// `5`, or `7%`.
    package var text: String {
        switch self {
        case .number(let number): "\(number)"
        case .share(let share): share.text
        }
    }
}
