import ApusClient
import Testing

/// Where nodes listen and are called.
@Suite struct NodeAddressTests {
    @Test func `addresses are taken with their ports, and are shown as they stand in URLs`() throws {
        let cases: [(String, host: String, shown: String, isLoopback: Bool, published: String?)] = [
            ("127.0.0.1:10000", "127.0.0.1", "127.0.0.1:10000", true, "127.0.0.1"),
            ("localhost:1", "127.0.0.1", "127.0.0.1:1", true, "127.0.0.1"),
            ("127.9.8.7:65535", "127.9.8.7", "127.9.8.7:65535", true, "127.0.0.1"),
            ("[::1]:10000", "::1", "[::1]:10000", true, "127.0.0.1"),
            ("10.1.2.3:10000", "10.1.2.3", "10.1.2.3:10000", false, "10.1.2.3"),
            ("0.0.0.0:10000", "0.0.0.0", "0.0.0.0:10000", false, "0.0.0.0"),
            ("[::]:10000", "::", "[::]:10000", false, "0.0.0.0"),
            ("[fd00::1]:10000", "fd00::1", "[fd00::1]:10000", false, nil),
        ]
        for one in cases {
            let address = try NodeAddress(one.0)
            #expect(address.host == one.host)
            #expect("\(address)" == one.shown)
            #expect(address.isLoopback == one.isLoopback, "\(address)")
            #expect(address.published == one.published, "\(address)")
        }
        #expect(try NodeAddress("10.1.2.3:10000").beside(port: 10001) == NodeAddress("127.0.0.1:10001"))
        #expect(try NodeAddress("127.0.0.2:10000").beside(port: 10001) == NodeAddress("127.0.0.2:10001"))
    }

    @Test(arguments: [
        "", "10000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "node1:10000", "fd00::1:10000",
        "[fd00::1]", "[10.1.2.3]:1", "256.1.1.1:1", ":1", "[]:1",
    ])
    func `what is none is refused with an example`(text: String) {
        let fault = #expect(throws: AddressFault.self) { try NodeAddress(text) }
        #expect(fault?.description == "an IP address and a port, such as 127.0.0.1:10000, not \(text)")
    }

    @Test func `other nodes are called by URLs`() throws {
        let cases = [
            ("127.0.0.1:10000", "http://127.0.0.1:10000"), ("http://10.1.2.3:10000/", "http://10.1.2.3:10000"),
            ("https://node-1.example.com:10000", "https://node-1.example.com:10000"),
            ("https://drove.example.com", "https://drove.example.com:443"), ("http://a", "http://a:80"),
            ("https://[fd00::1]:10000", "https://[fd00::1]:10000"), ("https://[fd00::1]", "https://[fd00::1]:443"),
        ]
        for (text, url) in cases { #expect(try NodeURL(text).description == url) }
        #expect(try NodeURL("https://localhost:1").isLoopback && !NodeURL("https://node1:1").isLoopback)
        for here in ["127.9.8.7:1", "http://[::1]:1"] { #expect(try NodeURL(here).isLoopback) }
        for beyond in ["127.example.com:1", "http://127.0.0.1.example.com:1"] {
            #expect(try !NodeURL(beyond).isLoopback, "what is said to it crosses a network")
        }
        for wrong in [
            "", "node1", "http://", "https://node1:0", "https://node_1:1", "ftp://node1:1", "https://a:b@node1:1",
            "https://1.2.3:1", "https://-a:1", "https://node1:1/apis",
        ] {
            #expect(throws: AddressFault.self, "\(wrong)") { try NodeURL(wrong) }
        }
    }
}
