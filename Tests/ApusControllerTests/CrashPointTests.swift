import ApusController
import Testing

@Suite struct CrashPointTests {
    @Test(arguments: ["before-commit:1", "after-commit:12", "after-send:3", "hang:10", "standstill:1"])
    func `a place and a number make a crash point`(_ text: String) {
        #expect(CrashPoint(text) != nil)
    }

    @Test(arguments: ["", "before-commit", "before-commit:0", "before-commit:-1", "later:1", "after-send:x"])
    func `anything else makes none`(_ text: String) {
        #expect(CrashPoint(text) == nil)
    }
}
