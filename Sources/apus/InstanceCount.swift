import ApusModel
import ArgumentParser

/// How many instances are wanted, as it is written on the command line: `5`, or `7%` of the cluster's cores.
enum InstanceCount: ExpressibleByArgument, Equatable {
    case number(Int)
    case share(CapacityShare)

    init?(argument: String) {
        if let number = Int(argument) {
            self = .number(number)
            return
        }
        do {
            self = .share(try CapacityShare(parsing: argument))
        } catch {
            return nil
        }
    }

    var defaultValueDescription: String {
        switch self {
        case .number(let number): "\(number)"
        case .share(let share): share.text
        }
    }

    var json: JSON {
        switch self {
        case .number(let number): .integer(Int64(number))
        case .share(let share): share.json
        }
    }

    /// How many an operation starts, if that is known here.
    var number: Int? { if case .number(let number) = self { number } else { nil } }

    /// - Throws: `ValidationError` if `name` is out of bounds.
    func validate(_ name: String) throws {
        guard (0...CapacityShare.mostInstances).contains(number ?? 0) else {
            throw ValidationError("\(name) must be 0 to \(CapacityShare.mostInstances), or a share such as 7%")
        }
    }
}
