import ApusTestKit

func check(_ condition: Bool, _ what: @autoclosure () -> String) throws {
    guard condition else { throw Unfulfilled(what()) }
}
