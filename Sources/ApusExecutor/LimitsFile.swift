import ApusClient
import ApusModel

/// Where this machine's limits are written down; read at each start of a container, so that a change holds at once.
package struct LimitsFile: Sendable {
    /// Read whenever it is there.
    package static let standardPath = "/etc/apus/limits.yaml"

    /// `nil`: there is no file, and `base` holds.
    private let path: String?
    /// Without it `base` holds, until there is one.
    private let isOptional: Bool
    /// What whoever started the executor allows beside the file.
    private let base: MachineLimits

    /// Limits without a file.
    package init(_ base: MachineLimits = MachineLimits()) {
        path = nil
        isOptional = true
        self.base = base
    }

    /// Reads the file once, so that whoever starts the executor learns what is wrong with it; blocks.
    package init(path: String, isOptional: Bool = false, beside base: MachineLimits) throws(ExecutorError) {
        self.path = path
        self.isOptional = isOptional
        self.base = base
        _ = try current()
    }

    /// As they are now; blocks.
    ///
    /// - Throws: `ExecutorError` if the file cannot be read: nothing is started until it can.
    func current() throws(ExecutorError) -> MachineLimits {
        guard let path else { return base }
        guard let json = try PrivateFile.read(path, .ownersToWrite) else {
            guard !isOptional else { return base }
            throw ExecutorError("\(path) cannot be opened: there is no such file")
        }
        var limits: MachineLimits
        do throws(JSONError) {
            limits = try MachineLimits(json: json)
        } catch {
            throw ExecutorError("\(path): \(error)")
        }
        limits.volumes += base.volumes
        limits.allowsExec = limits.allowsExec && base.allowsExec
        return limits
    }
}
