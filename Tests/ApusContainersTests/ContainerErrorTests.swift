import ApusContainers
import Testing

struct ContainerErrorTests {
    @Test func `a page in place of a message is told by its beginning`() {
        let page = String(repeating: "<p>no ü gateway</p>", count: 10_000)
        let error = ContainerError(.engine(status: 502), doing: "listing containers", message: page)
        #expect(error.message.utf8.count <= 1_000)
        #expect(error.message.hasSuffix("…") && page.hasPrefix(error.message.dropLast()))
        let short = ContainerError(.conflict, doing: "x", message: "Container c is not running")
        #expect(short.description == "x: Container c is not running")
    }
}
