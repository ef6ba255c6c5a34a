import ApusClient
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// A task of the test image that runs a shell script; one core.
func shellTask(_ id: TaskID, _ script: String) -> JSON {
    [
        "sourceAppName": .string(id.source), "taskId": .string(id.name),
        "executable": ["type": "DOCKER", "url": .string(DevCluster.image), "dockerPullTimeout": "20 seconds"],
        "resources": [["type": "CPU", "count": 1], ["type": "MEMORY", "sizeInMB": 16]],
        "args": .array(["sh", "-c", .string(script)]),
    ]
}

extension DevCluster {
    /// The task as the API shows it.
    func task(_ id: TaskID) async throws -> JSON { try await api.get("tasks/\(id.source)/instances/\(id.name)") }

    /// Waits until a task has ended.
    ///
    /// - Returns: how, as `SUCCESSFUL 0`, and why if there is a reason.
    func ended(_ id: TaskID) async throws -> (result: String, error: String) {
        var found: (String, String)?
        try await until("\(id) ends") {
            let task = try await self.task(id)
            let state = try task.string("state")
            try check(state == "STOPPED", "it is \(state)")
            let result = try task.required("taskResult")
            found = ("\(try result.string("status")) \(try result.int("exitCode"))", try task.string("errorMessage"))
        }
        return try #require(found)
    }
}
