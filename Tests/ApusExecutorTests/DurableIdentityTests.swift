import ApusExecutor
import ApusModel
import Testing

struct DurableIdentityTests {
    /// As one start of an executor does.
    private func start(_ scratch: Scratch) throws -> DurableIdentity {
        let directory = try scratch.directory()
        defer { directory.close() }
        return try DurableIdentity.raised(in: directory)
    }

    @Test func `the key stays and the incarnation rises at each start`() throws {
        let scratch = try Scratch()
        let first = try start(scratch)
        #expect(first.incarnation == 1)
        #expect(first.key.rawValue.count == 36)
        for incarnation in 2...4 {
            #expect(try start(scratch) == DurableIdentity(key: first.key, incarnation: Int64(incarnation)))
        }
    }

    @Test func `two machines have two keys`() throws {
        let keys = [try start(try Scratch()).key, try start(try Scratch()).key]
        #expect(keys[0] != keys[1])
    }

    @Test func `a torn replacement does not count`() throws {
        let scratch = try Scratch()
        let first = try start(scratch)
        try scratch.put(Array(#"{"schema":1,"ke"#.utf8), in: "node.json.new")
        #expect(try start(scratch) == DurableIdentity(key: first.key, incarnation: 2))
    }

    @Test(arguments: [
        "", "{}", #"{"schema":2,"key":"k","incarnation":1}"#, "not json",
        #"{"schema":1,"key":"k","incarnation":9223372036854775807}"#, #"{"schema":1,"key":"k","incarnation":-1}"#,
    ])
    func `an unreadable identity stops the start and is left as it is`(text: String) throws {
        let scratch = try Scratch()
        _ = try start(scratch)
        try scratch.put(Array(text.utf8), in: "node.json")
        let error = #expect(throws: ExecutorError.self) { try start(scratch) }
        #expect(error?.description.contains("node.json cannot be read") == true)
        #expect(try scratch.bytes("node.json") == Array(text.utf8))
    }

    @Test func `a second executor cannot use the directory until the first has gone`() throws {
        let scratch = try Scratch()
        let first = try scratch.directory()
        let error = #expect(throws: ExecutorError.self) { try scratch.directory() }
        #expect(error?.description.contains("another executor uses") == true)
        first.close()
        try scratch.directory().close()
    }

    @Test func `the id is the name based UUID of host and port`() {
        // printf node1:3000 | md5sum, with the version and the variant set.
        #expect(ExecutorID(hostname: "node1", port: 3000).rawValue == "d7f584b4-54d3-311d-a5ae-98e4bcd598dc")
        #expect(ExecutorID(hostname: "node1", port: 3000) != ExecutorID(hostname: "node1", port: 3001))
    }
}
