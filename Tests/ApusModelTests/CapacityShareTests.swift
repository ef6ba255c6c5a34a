import ApusModel
import Testing

@Suite struct CapacityShareTests {
    @Test(arguments: ["7%", "12.5%", "0.01%", "33.33%", "100%", "0.1%"])
    func `a share is written as it was read`(text: String) throws {
        let share = try CapacityShare(json: .string(text))
        #expect(share.text == text)
        #expect(try CapacityShare(json: share.json) == share)
    }

    @Test(arguments: ["", "%", "7", "0%", "100.01%", "-1%", "1.234%", "1.%", ".5%", " 7%", "+7%", "٧%", "9999999999%"])
    func `what is no percentage is refused with what would be one`(text: String) {
        #expect(throws: JSONError.self) { try CapacityShare(parsing: text) }
    }

    @Test func `a share is rounded down and kept within its bounds`() throws {
        #expect(try CapacityShare(parsing: "7%").count(ofRoomFor: 100) == 7)
        #expect(try CapacityShare(parsing: "7%").count(ofRoomFor: 99) == 6)
        #expect(try CapacityShare(parsing: "7%").count(ofRoomFor: 0) == 1)
        #expect(try CapacityShare(parsing: "7%", least: 0).count(ofRoomFor: 0) == 0)
        #expect(try CapacityShare(parsing: "100%").count(ofRoomFor: .max) == 2048)
        #expect(throws: JSONError.self) { try CapacityShare(parsing: "7%", least: 5, most: 4) }
    }

    @Test func `an operation takes a share where a number stands`() throws {
        let text = """
            {"type":"SCALE","appId":"A-1","requiredInstances":{"share":"7%","of":"MEMORY","least":2,"most":50},\
            "opSpec":{"timeout":"5m","parallelism":1,"failureStrategy":"STOP"}}
            """
        let operation = try ApplicationOperation.validated(try JSON(parsing: Array(text.utf8))).get()
        let share = try CapacityShare(parsing: "7%", of: .memory, least: 2, most: 50)
        #expect(operation == .scaleToShare(AppID("A-1"), share, operation.opSpec))
    }

    @Test func `a share that cannot be read is refused by its field`() throws {
        let text = """
            {"type":"SCALE","appId":"A-1","requiredInstances":"700%",\
            "opSpec":{"timeout":"5m","parallelism":1,"failureStrategy":"STOP"}}
            """
        guard case .failure(let refusal) = ApplicationOperation.validated(try JSON(parsing: Array(text.utf8))) else {
            Issue.record("700% was taken")
            return
        }
        #expect("\(refusal)".contains("requiredInstances - a share is a percentage"))
    }
}
