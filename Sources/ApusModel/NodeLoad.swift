/// What is really free on a machine, whatever is held there.
package struct NodeLoad: Hashable, Sendable {
    package var freeMemoryMB: Int64
    /// Idle cores, in thousandths of one.
    package var freeCPU: Int
    /// Of all that the machine has, offered or not; `nil` if an earlier version measured.
    package var totalMemoryMB: Int64?
    /// All processors that were idle or busy; as above.
    package var processors: Int?
    /// Of the file system with the container engine's data, offered or not; `nil` if an earlier version measured, or it
    /// could not be measured.
    package var totalDiskMB: Int64?
    /// As above.
    package var freeDiskMB: Int64?

    package init(freeMemoryMB: Int64, freeCPU: Int) {
        self.freeMemoryMB = freeMemoryMB
        self.freeCPU = freeCPU
    }
}

extension NodeLoad {
    /// The form in messages.
    package var json: JSON {
        .members([
            "freeMemoryMB": .integer(freeMemoryMB), "freeCPU": .integer(Int64(freeCPU)),
            "totalMemoryMB": totalMemoryMB.map(JSON.integer), "processors": processors.map { .integer(Int64($0)) },
            "totalDiskMB": totalDiskMB.map(JSON.integer), "freeDiskMB": freeDiskMB.map(JSON.integer),
        ])
    }

    /// Reads the form of `json`.
    ///
    /// - Throws: `JSONError` with the first fault.
    package init(json: JSON) throws(JSONError) {
        self.init(freeMemoryMB: try json.integer("freeMemoryMB"), freeCPU: try json.int("freeCPU"))
        if json["totalMemoryMB"] != nil { totalMemoryMB = try json.integer("totalMemoryMB") }
        if json["processors"] != nil { processors = try json.int("processors") }
        if json["totalDiskMB"] != nil { totalDiskMB = try json.integer("totalDiskMB") }
        if json["freeDiskMB"] != nil { freeDiskMB = try json.integer("freeDiskMB") }
    }
}
