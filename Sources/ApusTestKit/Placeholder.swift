// ApusTestKit
