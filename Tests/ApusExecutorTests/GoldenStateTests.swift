import ApusAgent
import ApusContainers
import ApusExecutor
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// What earlier versions left on disk and in labels, under `Tests/Golden/<issue>/state`: all of it is read.
struct GoldenStateTests {
    static let states = goldenStates()

    @Test(arguments: states)
    func `the journal of every version is read, and its instances are known again`(state: String) throws {
        let scratch = try Scratch()
        let copy = scratch.path + "/golden"
        try FileManager.default.copyItem(atPath: state + "/executor", toPath: copy)
        let directory = try NodeDirectory(at: copy)
        defer { directory.close() }
        let (journal, records, findings) = try Journal.open(in: directory)
        defer { journal.close() }
        #expect(findings.isEmpty)
        let identity = NodeIdentity(
            cluster: ClusterID("c"),
            id: ExecutorID("e"),
            key: NodeKey("k"),
            incarnation: 9,
            hostname: "127.0.0.1",
            port: 11_000,
            transport: .http
        )
        let description = NodeDescription(
            topology: Topology(nodes: [.init(id: 0, cores: [0, 1], memoryMB: 8192)], sharing: .shared(multiplier: 16)),
            tags: [],
            metadata: [:]
        )
        let agent = Agent(
            identity: identity,
            description: description,
            replaying: records,
            at: Times(now: .zero, wall: WallTime(milliseconds: 0))
        )
        let ofApplications = agent.instances.count { instance in
            if case .application = instance.owner { !instance.state.isTerminal } else { false }
        }
        #expect(ofApplications == 2)
        // In the seventh version it has obeyed two leaders.
        #expect(try #require(agent.fence).epoch >= (state.hasSuffix("/7/state") ? 2 : 1))
    }

    @Test(arguments: states)
    func `the labels of every version's containers are understood`(state: String) throws {
        let labels = try labels(at: state + "/labels.json")
        #expect(labels.owner == .application(AppID("HELLO-1")))
        #expect(labels.ports.map(\.containerPort) == [8000])
        #expect(labels.checks != nil)
    }

    @Test(arguments: states)
    func `the identity of every version's executor is read, and this run is the next`(state: String) throws {
        let scratch = try Scratch()
        let copy = scratch.path + "/golden"
        try FileManager.default.copyItem(atPath: state + "/executor", toPath: copy)
        let directory = try NodeDirectory(at: copy)
        defer { directory.close() }
        let file = try #require(FileManager.default.contents(atPath: state + "/executor/node.json"))
        let before = try JSON(parsing: Array(file))
        let identity = try DurableIdentity.raised(in: directory)
        #expect(identity.key == NodeKey(try before.string("key")))
        #expect(identity.incarnation == (try before.integer("incarnation")) + 1)
    }

    @Test(arguments: states.filter { FileManager.default.fileExists(atPath: $0 + "/labels-service.json") })
    func `the labels of a local service's container are understood`(state: String) throws {
        let labels = try labels(at: state + "/labels-service.json")
        #expect(labels.owner == .localService(ServiceID("PROXY-1")))
        #expect(labels.checks != nil)
    }

    @Test func `the fifth version's list of fetched images is read`() throws {
        let state = try #require(Self.states.first { $0.hasSuffix("/5/state") })
        let scratch = try Scratch()
        let copy = scratch.path + "/golden"
        try FileManager.default.copyItem(atPath: state + "/executor", toPath: copy)
        let directory = try NodeDirectory(at: copy)
        defer { directory.close() }
        let ledger = ImageLedger(in: directory, disk: DiskThread(), logger: LoopRig.logger)
        #expect(Array(ledger.known.ids.keys) == ["127.0.0.1:10555/hello:1"])
    }

    private func labels(at path: String) throws -> ContainerLabels {
        let bytes = try #require(FileManager.default.contents(atPath: path))
        guard case .object(let members) = try JSON(parsing: bytes) else { throw JSONError("\(path) is no object") }
        let texts = members.compactMap { member in member.value.text.map { (member.key, $0) } }
        return try ContainerLabels(reading: Dictionary(uniqueKeysWithValues: texts))
    }
}
