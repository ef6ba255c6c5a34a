package import ApusModel

extension Record {
    /// What it holds.
    ///
    /// - Throws: `JSONError` if that is no JSON, or of a schema that a later version of Apus raised.
    func json() throws(JSONError) -> JSON {
        let json = try JSON(parsing: bytes)
        if let schema = json["schema"], schema != .integer(recordSchema) {
            throw JSONError("its schema \(schema.serialized) is not known: a later version of Apus wrote it")
        }
        return json
    }

    /// Reads it as a leader does that takes over.
    ///
    /// - Returns: `false` if it is none of the engine's.
    /// - Throws: `JSONError` with what is wrong with it, also if it stands under another key than its own.
    package func check() throws(JSONError) -> Bool {
        if key.kind == .cluster, key != ClusterFacts.key { return false }
        let json = try json()
        switch key.kind {
        case .application: try expect(try Application(record: json, resumed: .zero).id.rawValue)
        case .localService: try expect(try LocalService(record: json, resumed: .zero).id.rawValue)
        case .member: try expect(try Member(record: json).id.rawValue)
        case .task: try expect(try TaskRun.reading(record: json, resumed: .zero).0.id.rawValue)
        case .hint: try checkHint(json)
        case .ended:
            let page = try EndedHistory.Page(record: json)
            for entry in page.entries { try expect(Engine.endedKey(entry.owner, page: page.number).id) }
        case .cluster: _ = try ClusterFacts(record: json)
        }
        return true
    }

    private func checkHint(_ json: JSON) throws(JSONError) {
        _ = try Instance.hints(record: json)
        let (executor, page) = HintPages.place(of: key)
        let told = ExecutorID(try json.string("executor"))
        try expect(HintPages.key(told, page: told == executor ? page : 0).id)
    }

    private func expect(_ id: String) throws(JSONError) {
        guard id == key.id else { throw JSONError("it is the record of \(id)") }
    }
}
