import ApusController
import ApusModel
import ApusTestKit
import Testing

/// Whatever is sent, the answer is the contract's and the cluster goes on.
@Suite struct BadInputTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var method = "POST"
        var path = "applications/operations"
        var type: String? = "application/json"
        var body = ""
        var status = 400
        /// The whole body; empty for none.
        var answer = ""

        var testDescription: String { "\(method) \(path) \(body.prefix(40))" }

        /// The envelope of a refusal.
        static func refusal(_ message: String, _ errors: String...) -> String {
            let list = JSON.array(errors.map { .string($0) }).serialized
            return #"{"status":"FAILED","data":{"validationErrors":"# + list + #"},"message":""# + message + #""}"#
        }
    }

    private static let opSpec = #""opSpec":{"timeout":"5m","parallelism":1,"failureStrategy":"STOP"}"#

    static let cases: [Case] = [
        Case(
            body: #"{"type":"#,
            answer: Case.refusal(
                "JSON validation failure",
                "the text ends where a value should stand (at byte 8)"
            )
        ),
        Case(
            answer: Case.refusal("Command validation failure", "The request body must not be null")
        ),
        Case(
            body: #"{"type":"SCALE","appId":"A-1","requiredInstances":"x","# + opSpec + "}",
            answer: Case.refusal(
                "JSON validation failure",
                "requiredInstances must be a whole number, not a string"
            )
        ),
        Case(
            body: #"{"type":"SCALE","appId":"A-1","requiredInstances":2049,"# + opSpec + "}",
            answer: Case.refusal(
                "Command validation failure",
                "requiredInstances must be less than or equal to 2048"
            )
        ),
        Case(
            body: #"{"type":"SCALE","appId":"A-1","requiredInstances":1,"# + opSpec + "}",
            answer: Case.refusal("Command validation failure", "No state found for app: A-1")
        ),
        Case(
            path: "operations",
            body: #"{"type":"RECOVER","appId":"A-1"}"#,
            answer: Case.refusal("Command validation failure", "No state found for app: A-1")
        ),
        Case(type: "text/plain", body: "{}", status: 415),
        Case(method: "PUT", path: "applications/operations", body: "{}", status: 405),
        Case(method: "GET", path: "applications/operations", status: 405),
        Case(method: "DELETE", path: "applications", status: 405),
        Case(method: "GET", path: "nope", status: 404),
        Case(method: "GET", path: "applications/A-1/instances/I/more", status: 404),
        Case(
            method: "GET",
            path: "applications?from=-1",
            answer: Case.refusal(
                "Command validation failure",
                "query param from must be greater than or equal to 0"
            )
        ),
        Case(
            method: "GET",
            path: "applications?size=2147483647",
            answer: Case.refusal(
                "Command validation failure",
                "query param size must be less than or equal to 2147483646"
            )
        ),
        Case(
            method: "GET",
            path: "applications?from=x",
            answer: Case.refusal("Command validation failure", "query param from must be a whole number")
        ),
        Case(
            method: "GET",
            path: "applications/NOPE-1",
            status: 200,
            answer: #"{"status":"FAILED","message":"App NOPE-1 not found"}"#
        ),
        Case(
            method: "GET",
            path: "applications/%+5%2B%",
            status: 200,
            answer: #"{"status":"FAILED","message":"App %+5+% not found"}"#
        ),
        Case(
            method: "GET",
            path: "applications/NOPE-1/spec",
            status: 200,
            answer: #"{"status":"FAILED","message":"App NOPE-1 not found"}"#
        ),
        Case(
            method: "GET",
            path: "applications/A%2F1/instances/I%201",
            status: 200,
            answer: #"{"status":"FAILED","message":"No such application instance A/1/I 1"}"#
        ),
        Case(
            method: "GET",
            path: "applications/NOPE-1/instances",
            status: 200,
            answer: #"{"status":"SUCCESS","data":[],"message":"success"}"#
        ),
        Case(
            method: "GET",
            path: "cluster/executors/nobody",
            status: 200,
            answer: #"{"status":"FAILED","message":"No executor found with id: nobody"}"#
        ),
        Case(
            path: "applications/operations/A-1/cancel",
            answer: #"{"status":"FAILED","message":"Current operation could not be cancelled"}"#
        ),
        Case(
            path: "operations/A-1/cancel",
            answer: #"{"status":"FAILED","message":"Current operation could not be cancelled"}"#
        ),
        Case(
            path: "tasks/operations",
            body: #"{"type":"PAUSE"}"#,
            answer: Case.refusal("JSON validation failure", "type must be one of [CREATE, KILL], not \"PAUSE\"")
        ),
        Case(
            path: "tasks/operations",
            answer: Case.refusal("Command validation failure", "The request body must not be null")
        ),
        Case(
            path: "tasks/operations",
            body: #"{"type":"KILL","sourceAppName":"S","# + opSpec + "}",
            answer: Case.refusal("Command validation failure", "taskId must not be empty")
        ),
        Case(
            path: "tasks/operations",
            body: #"{"type":"KILL","sourceAppName":"S","taskId":"T","# + opSpec + "}",
            answer: Case.refusal(
                "Command validation failure",
                "Either task does not exist or has already finished for S/T"
            )
        ),
        Case(
            path: "tasks/operations",
            body: #"{"type":"CREATE","spec":{"sourceAppName":"S","taskId":"a/b","executable":{"url":"i","#
                + #""dockerPullTimeout":"1m"},"resources":[{"type":"CPU","count":1}]},"# + opSpec + "}",
            answer: Case.refusal(
                "Command validation failure",
                "spec.taskId - Only characters, numbers, hyphen and underscore is allowed",
                "Memory requirements are mandatory"
            )
        ),
        Case(
            path: "tasks/validate/spec",
            answer: Case.refusal("Command validation failure", "The request body must not be null")
        ),
        Case(
            method: "GET",
            path: "tasks/S/instances/T",
            status: 200,
            answer: #"{"status":"FAILED","message":"No such task instance S/T"}"#
        ),
        Case(
            method: "DELETE",
            path: "tasks/S/instances/T",
            status: 200,
            answer: #"{"status":"FAILED","data":{"deleted":false},"message":"Could not delete S/T"}"#
        ),
        Case(path: "tasks/S/instances/T", status: 405),
        Case(method: "DELETE", path: "tasks", status: 405),
        Case(
            method: "GET",
            path: "applications/A-1/instances?state=RUN_COMPLETED",
            answer: Case.refusal(
                "Command validation failure",
                "query param state must be one of [PENDING, PROVISIONING, PROVISIONING_FAILED, STARTING, START_FAILED, "
                    + "UNREADY, READINESS_CHECK_FAILED, READY, HEALTHY, UNHEALTHY, DEPROVISIONING, STOPPING, STOPPED, "
                    + "LOST, UNKNOWN]"
            )
        ),
        Case(
            method: "GET",
            path: "cluster/events/summary?lastSyncTime=-1",
            answer: Case.refusal(
                "Command validation failure",
                "query param lastSyncTime must be greater than or equal to 0"
            )
        ),
        Case(
            method: "GET",
            path: "cluster/events?size=2147483648",
            answer: Case.refusal(
                "Command validation failure",
                "query param size must be less than or equal to 2147483647"
            )
        ),
        Case(
            method: "GET",
            path: "cluster/events/stream?from=yesterday",
            answer: Case.refusal(
                "Command validation failure",
                "Last-Event-ID and query param from must be an event's id, such as 7-12"
            )
        ),
        Case(
            path: "messages",
            body: #"{"type":"EXECUTOR_SNAPSHOT"}"#,
            answer: #"{"status":"FAILED","message":"Executors of Drove cannot join a cluster of Apus: "#
                + "its own report to POST /apis/v1/internal/nodes/report. Run `apus executor` on that machine\"}"
        ),
        Case(
            method: "GET",
            path: "internal/cluster/executors/nobody/instances/last",
            status: 200,
            answer: #"{"status":"FAILED","message":"No data found for executor nobody"}"#
        ),
        Case(method: "HEAD", path: "tasks/operations", status: 405),
        Case(
            path: "internal/nodes/report",
            body: "{}",
            answer: Case.refusal("JSON validation failure", "schema is missing")
        ),
    ]

    @Test func `every bad call gets the contract's answer and nothing changes`() async throws {
        try await withController(store: MemoryStore()) { controller in
            for one in Self.cases {
                let call = APICall(
                    one.method,
                    "/apis/v1/\(one.path)",
                    contentType: one.body.isEmpty ? nil : one.type,
                    body: Array(one.body.utf8)
                )
                let answer = await controller.api.answer(call)
                #expect(answer.status == one.status, "\(one.testDescription)")
                #expect(answer.json?.serialized ?? "" == one.answer, "\(one.testDescription)")
            }
            #expect(
                await controller.get("applications").json?.serialized
                    == #"{"status":"SUCCESS","data":{},"message":"success"}"#
            )
        }
    }

    @Test func `a query has at most a thousand parameters`() async throws {
        try await withController(store: MemoryStore()) { controller in
            let pairs = Array(repeating: "state=HEALTHY", count: 1000).joined(separator: "&")
            #expect(await controller.get("tasks?\(pairs)").status == 200)
            let refused = await controller.get("tasks?\(pairs)&a=b")
            #expect(refused.status == 400)
            #expect(refused.json?["message"] == "The query has 1001 parameters, at most 1000 are allowed")
        }
    }

    @Test func `a specification that asks for what is not built is refused when it is validated`() async throws {
        try await withController(store: MemoryStore()) { controller in
            let good = await controller.post("applications/validate/spec", exampleSpec().json.serialized)
            #expect(good.json?.serialized == #"{"status":"SUCCESS","data":{"valid":true},"message":"success"}"#)
            var spec = exampleSpec()
            spec.type = .computation
            let later = await controller.post("applications/validate/spec", spec.json.serialized)
            #expect(later.status == 400)
            #expect(
                later.json?["data"]?["validationErrors"] == [
                    "type COMPUTATION: only SERVICE can be run now; the others come with a later version of Apus"
                ]
            )
        }
    }
}
