import ApusController
import ApusModel
import ApusTestKit
import Testing

/// `GET` and `POST /v1/cluster/placement/spread`.
@Suite struct SpreadAPITests {
    private static let path = "cluster/placement/spread"
    private static let zone = #"{"type":"SPREAD","over":"ZONE","maxSkew":2,"enforcement":"HARD","scope":"NAME"}"#

    @Test func `the cluster's SPREAD is set, outlives its leader, and is cleared`() async throws {
        let store = MemoryStore()
        try await withController(store: store) { controller in
            #expect(await controller.get(Self.path).json?["data"] == ["type": "NONE"])
            let set = await controller.post(Self.path, #"{"type":"SPREAD","maxSkew":2}"#)
            #expect(set.json?["data"]?.serialized == Self.zone)
            #expect(await controller.get(Self.path).json?["data"]?.serialized == Self.zone)
        }
        try await withController(store: store) { controller in
            #expect(await controller.get(Self.path).json?["data"]?.serialized == Self.zone)
            #expect(await controller.post(Self.path, #"{"type":"NONE"}"#).json?["data"] == ["type": "NONE"])
            #expect(await controller.get(Self.path).json?["data"] == ["type": "NONE"])
        }
    }

    @Test(arguments: [
        (#"{"type":"SPREAD","maxSkew":65}"#, "maxSkew must be less than or equal to 64"),
        (#"{"type":"SPREAD","maxSkew":0}"#, "maxSkew must be greater than or equal to 1"),
        (#"{"type":"SPREAD","over":"METADATA"}"#, "key - Name the metadata key to spread over"),
        (#"{"type":"ANY"}"#, #"type must be one of [SPREAD, NONE], not "ANY""#),
        ("", "The request body must not be null"),
    ])
    func `what is no SPREAD is refused and changes nothing`(_ body: String, _ text: String) async throws {
        try await withController(store: MemoryStore()) { controller in
            let answer = await controller.post(Self.path, body)
            #expect(answer.status == 400)
            #expect(answer.json?["data"]?["validationErrors"] == [.string(text)])
            #expect(await controller.get(Self.path).json?["data"] == ["type": "NONE"])
        }
    }
}
