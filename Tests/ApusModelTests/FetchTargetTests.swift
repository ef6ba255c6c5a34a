import ApusModel
import Testing

/// Of which host and port a text speaks.
@Suite struct FetchTargetTests {
    @Test(arguments: ["fd00::7", "::1", "fd00::7:80", "a:b:80", "[fd00::7", "[]", "[]:80", "[fd00::7]x"])
    func `what could be read in two ways is no target`(text: String) {
        #expect(FetchTarget(text) == nil)
    }

    @Test func `an address in brackets is read with and without a port`() throws {
        let bare = try #require(FetchTarget("[FD00::7]"))
        #expect(bare.host == "fd00::7" && bare.port == nil)
        let full = try #require(FetchTarget("[fd00::7]:80"))
        #expect(full.host == "fd00::7" && full.port == 80)
        #expect(full.permits(HTTPCallSpec(scheme: .http, hostname: "fd00::7")))
        #expect(!full.permits(HTTPCallSpec(scheme: .http, hostname: "fd00::7", port: 8080)))
        #expect(FetchTarget("config.example.com:8080")?.port == 8080)
    }
}
