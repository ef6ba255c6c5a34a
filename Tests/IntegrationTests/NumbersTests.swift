import ApusClient
import ApusModel
import AsyncHTTPClient
import Foundation
import NIOCore
import Testing

extension ServiceTests {
    @Test(.timeLimit(.minutes(3)))
    func `the admin port tells what each container uses, until it has ended, in both formats`() async throws {
        let port = try freePort()
        try await withDevCluster(arguments: ["--admin-address", "127.0.0.1:\(port)"]) { cluster in
            let app = try await cluster.deploy(service("WEB"), instances: 1)
            try await cluster.settle(app, at: 1)
            let busy = TaskID(source: "BURN", name: "T1")
            _ = try await cluster.api.operateTask([
                "type": "CREATE", "spec": shellTask(busy, "echo hello; while :; do :; done"),
                "opSpec": DevCluster.opSpec(parallelism: 1),
            ])
            let prefix = "com.phonepe.drove.executor"
            var task = ""
            try await cluster.eventually("the task has a place") {
                task = try await cluster.task(busy).string("instanceId")
                try check(!task.isEmpty, "it has none")
            }
            let idle = try #require(try await cluster.api.instances(of: app).first).id
            func gauge(_ name: String) async throws -> Double? {
                let text = try await get("http://127.0.0.1:\(port)/metrics")
                let root = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
                return ((root?["gauges"] as? [String: Any])?[name] as? [String: Any])?["value"] as? Double
            }
            // Looked at 10 s after it was found, and again 5 s later.
            let cpu = "\(prefix).tasks.BURN.instance.\(task).cpu_percentage_overall"
            try await cluster.eventually("what burns a core shows it") {
                let value = try await gauge(cpu)
                try check((40...110).contains(value ?? 0), "\(cpu) is \(String(describing: value))")
            }
            let resting = "\(prefix).applications.WEB.instance.\(idle).cpu_percentage_overall"
            try await cluster.eventually("what rests shows it") {
                let value = try await gauge(resting)
                try check((0..<20).contains(value ?? 100), "\(resting) is \(String(describing: value))")
            }
            let memory = try await gauge("\(prefix).applications.WEB.instance.\(idle).memory_usage")
            #expect((10_000...67_108_864.0).contains(memory ?? 0))
            #expect((try await gauge("\(prefix).machine.memory_total") ?? 0) > 100_000_000)
            #expect(try await gauge("com.phonepe.drove.cluster.executors.active") == 1)
            let text = try await get("http://127.0.0.1:\(port)/metrics/prometheus")
            #expect(text.contains("# TYPE apus_instance_cpu_percentage_overall gauge\n"))
            let labels = "{kind=\"tasks\",name=\"BURN\",instance=\"\(task)\"}"
            #expect(text.contains("apus_instance_logs_rate_total\(labels) 1\n"))
            #expect(try await get("http://127.0.0.1:\(port)/healthcheck").contains("\"healthy\":true"))

            _ = try await cluster.api.operateTask([
                "type": "KILL", "sourceAppName": "BURN", "taskId": "T1", "opSpec": DevCluster.opSpec(parallelism: 1),
            ])
            try await cluster.eventually("nothing is told of what has ended, and its end is counted") {
                let text = try await get("http://127.0.0.1:\(port)/metrics/prometheus")
                try check(!text.contains(task), "\(task) is still there")
                try check(text.contains("apus_controller_tasks_ended_total{result=\"CANCELLED\"} 1\n"), "not counted")
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a process whose admin port is taken ends with a text that names the option`() async throws {
        try await withProcesses { cluster in
            try await cluster.startAndMeet()
            let address = "127.0.0.1:\(try freePort())"
            let other = try ApusProcess(
                [
                    "controller", "--state", "\(cluster.folder)/other", "--address", address, "--admin-address",
                    cluster.address,
                ],
                log: "\(cluster.folder)/other.log"
            )
            try other.start()
            #expect(await other.end() == 1)
            #expect(other.said.contains("\(cluster.address): another program listens there"), "\(other.said)")
            #expect(other.said.contains("--admin-address none"), "\(other.said)")
        }
    }
}
