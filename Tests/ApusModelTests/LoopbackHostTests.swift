import ApusModel
import Testing

/// Where nobody beyond this machine listens or is heard, so that nobody there has to say who they are.
@Suite struct LoopbackHostTests {
    @Test(arguments: ["localhost", "127.0.0.1", "127.0.0.0", "127.9.8.7", "127.255.255.255", "::1", "[::1]"])
    func `this machine is known by its name and by its addresses`(_ host: String) {
        #expect(host.isLoopbackHost)
    }

    @Test(arguments: [
        "", "127", "127.", "127.1", "127.0.0.", "127.0.0.1.", "127.0.0.256", "127.0.0.01", "127.0.0.+1", "127.0.0.x",
        "127.example.com", "127.0.0.example", "127.0.0.1.example.com", "localhost.example.com", "::2", "[127.0.0.1]",
        "10.0.0.1", "0.0.0.0", "128.0.0.1", "::",
    ])
    func `no other host is taken for this machine, whatever its name begins with`(_ host: String) {
        #expect(!host.isLoopbackHost)
    }
}
