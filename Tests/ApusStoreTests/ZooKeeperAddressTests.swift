import ApusStore
import Testing

@Suite struct ZooKeeperAddressTests {
    @Test func `an address names servers, ports and the part of the tree`() throws {
        let address = try ZooKeeperAddress("zk1,zk2:2182,[fe80::1]:2183/apus/prod")
        #expect(address.servers.map(\.host) == ["zk1", "zk2", "fe80::1"])
        #expect(address.servers.map(\.port) == [2181, 2182, 2183])
        #expect(address.chroot == "/apus/prod")
        #expect("\(address)" == "zk1:2181,zk2:2182,[fe80::1]:2183/apus/prod")
        #expect(!address.isLoopback)
        #expect(try ZooKeeperAddress("127.0.0.1:1,localhost,[::1]/").isLoopback)
        #expect(try ZooKeeperAddress("127.0.0.1:1/").chroot == "")
    }

    @Test(arguments: ["127.example.com", "127.0.0.1.example.com:2181/apus", "127.0.0.1,127.zk"])
    func `a name that begins with 127 is no loopback, where nodes may go without a credential`(_ text: String) throws {
        #expect(try !ZooKeeperAddress(text).isLoopback)
    }

    @Test func `the client library is told of IPv6 without brackets, which it does not know`() throws {
        let servers = try ZooKeeperAddress("127.0.0.1,[::1],[::2]:2183/apus").servers
        var known = KnownServers()
        for server in servers { known.learn(server.lookedUp(), of: server) }
        #expect(known.list(of: servers) == "127.0.0.1:2181,::1:2181,::2:2183")
    }

    @Test func `servers are where their names led last, though DNS is away now; each is told once`() throws {
        let servers = try ZooKeeperAddress("zk1,zk2,alias-of-zk1/apus").servers
        var known = KnownServers()
        known.learn(["10.0.0.1", "fd00::1"], of: servers[0])
        known.learn([], of: servers[1])
        #expect(known.list(of: servers) == "10.0.0.1:2181,fd00::1:2181")
        #expect(known.knows(servers[0]) && !known.knows(servers[1]))
        known.learn([], of: servers[0])
        known.learn(["10.0.0.2"], of: servers[1])
        known.learn(["10.0.0.1"], of: servers[2])
        #expect(known.list(of: servers) == "10.0.0.1:2181,fd00::1:2181,10.0.0.2:2181")
        known.learn(["10.0.0.3"], of: servers[0])
        #expect(known.list(of: servers) == "10.0.0.3:2181,10.0.0.2:2181,10.0.0.1:2181")
    }

    @Test func `a path may have 64 bytes, for it stands before each path of a batch`() throws {
        #expect(try ZooKeeperAddress("a/\(String(repeating: "x", count: 63))").chroot.utf8.count == 64)
        let fault = try #require(throws: ZooKeeperAddress.Fault.self) {
            try ZooKeeperAddress("a/\(String(repeating: "x", count: 64))")
        }
        #expect(fault.description.contains("has 65 bytes: give "))
    }

    @Test(arguments: ["", "a,,b", "a:0", "a:x", "a b", ":2181", "a//b", "a/b/", "a/../b", "a/zookeeper", "a/ü"])
    func `what is no address is refused with what to give`(_ text: String) throws {
        let fault = try #require(throws: ZooKeeperAddress.Fault.self) { try ZooKeeperAddress(text) }
        #expect(fault.description.contains("give "))
    }

    @Test func `sessions shorter than a cut server's patience are warned about`() throws {
        let patience = try #require(QuorumPatience(configuration: "clientPort=1\ntickTime=2000\nsyncLimit=5\n"))
        #expect(patience.warning(session: .seconds(20)) == nil)
        #expect(patience.warning(session: .seconds(10))?.contains("20000 ms") == true)
        #expect(QuorumPatience(configuration: "conf is not executed because it is not in the whitelist.") == nil)
    }

    @Test func `where there is a credential, nothing is founded or looked for without a path of the cluster's own`()
        async throws
    {
        var settings = ZooKeeperSession.Settings(address: try ZooKeeperAddress("127.0.0.1:1"))
        settings.credential = ZooKeeperCredential(user: "apus", password: "ours")
        let session = ZooKeeperSession.open(settings)
        let store = ZooKeeperStore(session, now: monotonic)
        // Told at once, whether or not the servers are there.
        for attempt in [
            { try await store.open(within: .seconds(60)) }, { _ = try await store.founded(within: .seconds(60)) },
        ] as [@Sendable () async throws -> Void] {
            let error = await #expect(throws: StoreError.self) { try await attempt() }
            guard case .refused(let reason)? = error, reason.contains("as 127.0.0.1:1/apus") else {
                Issue.record("it is \(String(describing: error))")
                continue
            }
        }
        await session.close()
    }

    @Test func `a credential is never written out with its password`() {
        #expect(!"\(ZooKeeperCredential(user: "apus", password: "hush"))".contains("hush"))
    }
}
