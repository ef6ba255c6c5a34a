package import ApusClient
import ApusModel
import ArgumentParser

/// As it is written on the command line: `5`, or `7%` of the cluster's cores.
extension InstanceCount: ExpressibleByArgument {
    package init?(argument: String) {
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

    package var defaultValueDescription: String { text }

    /// - Throws: `ValidationError` if `name` is out of bounds.
    func validate(_ name: String) throws {
        guard (0...CapacityShare.mostInstances).contains(number ?? 0) else {
            throw ValidationError("\(name) must be 0 to \(CapacityShare.mostInstances), or a share such as 7%")
        }
    }
}
