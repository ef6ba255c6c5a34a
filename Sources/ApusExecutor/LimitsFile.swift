import ApusModel

/// Where this machine's limits are written down; read at each start of a container, so that a change holds at once.
package struct LimitsFile: Sendable {
    /// Read if it is there.
    package static let standardPath = "/etc/apus/limits.yaml"

    /// `nil`: there is no file, and `base` holds.
    private let path: String?
    /// What whoever started the executor allows beside the file.
    private let base: MachineLimits

    /// Limits without a file.
    package init(_ base: MachineLimits = MachineLimits()) {
        path = nil
        self.base = base
    }

    /// Reads the file once, so that whoever starts the executor learns what is wrong with it; blocks.
    package init(path: String, beside base: MachineLimits) throws(ExecutorError) {
        self.path = path
        self.base = base
        _ = try current()
    }

    /// As they are now; blocks.
    ///
    /// - Throws: `ExecutorError` if the file cannot be read: nothing is started until it can.
    func current() throws(ExecutorError) -> MachineLimits {
        guard let path else { return base }
        let json = try PrivateFile.read(path, .ownersToWrite)
        var limits: MachineLimits
        do throws(JSONError) {
            limits = try MachineLimits(json: json)
        } catch {
            throw ExecutorError("\(path): \(error)")
        }
        limits.volumes += base.volumes
        return limits
    }
}
