import ApusEngine
import ApusModel
import HashTreeCollections

/// A task that fits anywhere; its id is SRC/name.
func smallTask(_ name: String = "T1") -> TaskSpec {
    TaskSpec(
        sourceAppName: "SRC",
        taskID: name,
        executable: Executable(url: "job:1"),
        resources: ResourceRequirements(cores: 1, memoryMB: 64)
    )
}

extension Bench {
    /// The task's container ends by itself, and its executor says so.
    mutating func endTask(_ name: String = "T1", code: Int64 = 0) {
        guard let id = task(name)?.instance, let executor = turn.committed.instances[id]?.executor else { return }
        executors[executor]?.set(id, .stopped, cause: .exited(code: code, outOfMemory: false), at: now.wall)
        beat()
    }
}
