import ApusController
import ApusModel
import ApusTestKit
import Testing

/// Maintenance over HTTP (contract §0.4, §1.4).
@Suite struct MaintenanceAPITests {
    private static let refusal =
        #"{"status":"FAILED","data":{"validationErrors":["Cluster is in maintenance mode"]},"#
        + #""message":"Command validation failure"}"#

    @Test func `set and unset answer with the state, which the cluster shows, over a restart too`() async throws {
        let (store, time) = (MemoryStore(), ManualTime())
        try await withController(store: store, time: time.source) { controller in
            let answer = await controller.post("cluster/maintenance/set", "", type: nil)
            #expect(
                answer.json?.serialized
                    == #"{"status":"SUCCESS","data":{"state":"MAINTENANCE","updated":1753000000000},"message":"success"}"#
            )
        }
        try await withController(store: store, time: time.source) { controller in
            #expect(await controller.get("cluster").json?["data"]?["state"] == "MAINTENANCE")
            let answer = await controller.post("cluster/maintenance/unset", "", type: nil)
            #expect(answer.json?["data"]?["state"] == "NORMAL")
            #expect(await controller.get("cluster").json?["data"]?["state"] == "NORMAL")
        }
    }

    @Test func `operations and validations are refused in maintenance, and taken right after it`() async throws {
        try await withController(store: MemoryStore()) { controller in
            _ = await controller.post("cluster/maintenance/set", "", type: nil)
            let spec = exampleSpec().json.serialized
            let body =
                #"{"type":"CREATE","spec":\#(spec),"instances":0,"#
                + #""opSpec":{"timeout":"60s","parallelism":1,"failureStrategy":"STOP"}}"#
            let paths = [
                ("applications/operations", body), ("applications/validate/spec", spec), ("tasks/validate/spec", "{}"),
                ("localservices/validate/spec", "{}"), ("applications/placementpolicy/rule/dryrun", "{}"),
            ]
            for (path, body) in paths {
                let refused = await controller.post(path, body)
                #expect((refused.status, refused.json?.serialized) == (400, Self.refusal), "\(path)")
            }
            _ = await controller.post("cluster/maintenance/unset", "", type: nil)
            #expect(await controller.post("applications/operations", body).status == 200)
        }
    }
}
