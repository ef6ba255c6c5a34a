package import ApusModel

/// A task as the API shows it.
package struct TaskSummary: Sendable {
    /// How it ended.
    package struct Result: Hashable, Sendable {
        /// SUCCESSFUL, FAILED, CANCELLED or LOST.
        package var status: String
        /// -1 if its container never ended by itself.
        package var exitCode: Int64
    }

    package var id: TaskID
    /// Empty until it has a place.
    package var instance: InstanceID
    /// Empty until it has a place.
    package var hostname: String
    package var image: String
    /// A Drove state, `RUNNING` say.
    package var state: String
    /// `nil` until it has ended.
    package var result: Result?
    /// What is wrong, or what it waits for; empty when all is well.
    package var error: String
    /// How far what takes long has come, a pull say; empty if nothing does.
    package var step: String
    /// It was ended for using more memory than it may.
    package var isOutOfMemory: Bool
    package var created: WallTime
    package var updated: WallTime
    /// All of it as the API gave it.
    package var json: JSON

    package init(json: JSON) throws(JSONError) {
        self.json = json
        id = TaskID(source: try json.string("sourceAppName"), name: try json.string("taskId"))
        instance = InstanceID(json["instanceId"]?.text ?? "")
        hostname = json["hostname"]?.text ?? ""
        image = try json.required("executable").string("url")
        state = try json.string("state")
        if let value = json["taskResult"] {
            result = Result(status: try value.string("status"), exitCode: try value.integer("exitCode"))
        }
        error = json["errorMessage"]?.text ?? ""
        step = json["progress"]?.text ?? ""
        isOutOfMemory = json["cause"]?["outOfMemory"] == true
        created = WallTime(milliseconds: try json.integer("created"))
        updated = WallTime(milliseconds: try json.integer("updated"))
    }

    /// The exit code of its container; `nil` if it has not ended by itself.
    package var exitCode: Int32? {
        guard let result, result.status == "SUCCESSFUL" || result.status == "FAILED", result.exitCode >= 0 else {
            return nil
        }
        return Int32(result.exitCode & 0xff)
    }

    /// Its state in one line.
    package var progress: String {
        var line = "\(id): \(state)"
        if !hostname.isEmpty { line += " on \(hostname)" }
        if let result {
            line += ", \(result.status)"
            if let exitCode { line += " with exit code \(exitCode)" }
        }
        return error.isEmpty ? line : "\(line): \(error)"
    }
}
