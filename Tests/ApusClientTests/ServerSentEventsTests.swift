import ApusClient
import Testing

/// A stream of events, however its bytes come.
@Suite struct ServerSentEventsTests {
    private typealias Message = ServerSentEvents.Message

    private static let text =
        ": still here\nid: 7-1\n\n" + "id: 7-2\r\nevent: GAP\r\ndata: {\"a\":1}\r\n\r\n" + "data:x\ndata: y\n\nid"

    private static var messages: [Message] {
        var (sign, gap, lines) = (Message(), Message(), Message())
        sign.id = "7-1"
        (gap.id, gap.type, gap.data) = ("7-2", "GAP", #"{"a":1}"#)
        lines.data = "x\ny"
        return [sign, gap, lines]
    }

    @Test(arguments: [1, 2, 7, 1_000])
    func `messages are whole whatever pieces they come in`(_ length: Int) throws {
        var events = ServerSentEvents()
        var rest = Array(Self.text.utf8)[...]
        var messages: [Message] = []
        while !rest.isEmpty {
            messages += try events.take(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        #expect(messages == Self.messages)
    }

    @Test func `an event without an end is not kept for ever`() {
        var events = ServerSentEvents()
        #expect(throws: ClientError.self) {
            try events.take(repeatElement(UInt8(ascii: "x"), count: ServerSentEvents.longest + 1))
        }
    }
}
