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

    @Test func `the client library is told of IPv6 without brackets, which it does not know`() throws {
        let address = try ZooKeeperAddress("zk1,[::1],[fe80::1]:2183/apus")
        #expect(address.serverList == "zk1:2181,::1:2181,fe80::1:2183")
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

    @Test func `a credential is never written out with its password`() {
        #expect(!"\(ZooKeeperCredential(user: "apus", password: "hush"))".contains("hush"))
    }
}
