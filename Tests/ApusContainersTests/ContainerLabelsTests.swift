import ApusContainers
import ApusModel
import Testing

struct ContainerLabelsTests {
    private static let get = CheckSpec(
        mode: .http(HTTPCheck(portName: "main", path: "/")),
        timeout: DurationText(1, .seconds),
        interval: DurationText(3, .seconds),
        attempts: 3
    )
    private static let post = CheckSpec(
        mode: .http(HTTPCheck(portName: "main", path: "/", verb: .post, payload: "hidden")),
        timeout: DurationText(1, .seconds),
        interval: DurationText(3, .seconds),
        attempts: 3
    )

    private static func labels(healthcheck: CheckSpec) -> ContainerLabels {
        ContainerLabels(
            cluster: ClusterID("c1"),
            executor: ExecutorID("e1"),
            epoch: 7,
            instance: InstanceID("AI-1"),
            owner: .application(AppID("app-1")),
            appName: "app",
            jobType: .service,
            created: WallTime(milliseconds: 12),
            allocation: ResourceAllocation(numaNode: 0, cores: [1, 2], memoryMB: 128),
            ports: [PortMapping(name: "main", containerPort: 8_000, hostPort: 31_000, type: .http)],
            checks: ContainerLabels.Checks(readiness: get, healthcheck: healthcheck),
            hooks: PreShutdownSpec(hooks: [post.mode], waitBeforeKill: DurationText(1, .seconds))
        )
    }

    @Test
    func `labels are read back as they were written`() throws {
        let labels = Self.labels(healthcheck: Self.get)
        #expect(labels.checks?.isWhole == true)
        #expect(try ContainerLabels(reading: labels.dictionary) == labels)
        #expect(labels.dictionary["apus.schema"] == "1")
        #expect(labels.dictionary.keys.allSatisfy { $0.hasPrefix("apus.") })
    }

    @Test
    func `a task's labels name the task, and it has no checks`() throws {
        var labels = Self.labels(healthcheck: Self.get)
        labels.owner = .task(TaskID(source: "shop", name: "night-7"))
        (labels.appName, labels.jobType, labels.checks, labels.hooks) = ("shop", .computation, nil, nil)
        let dictionary = labels.dictionary
        #expect(dictionary["apus.task.source"] == "shop")
        #expect(dictionary["apus.task.id"] == "night-7")
        #expect(dictionary["apus.app.id"] == nil)
        #expect(try ContainerLabels(reading: dictionary) == labels)
        #expect(throws: LabelFault.damaged(label: "apus.task.source", reason: "is missing")) {
            try ContainerLabels(reading: dictionary.filter { $0.key != "apus.task.source" })
        }
    }

    @Test
    func `a hook that would lose its payload is left out, the others stay`() throws {
        var labels = Self.labels(healthcheck: Self.get)
        #expect(labels.hooks?.hooks == [])
        let hooks: [CheckMode] = [Self.get.mode, Self.post.mode, .command(CommandCheck(command: "leave"))]
        labels = ContainerLabels(
            cluster: labels.cluster,
            executor: labels.executor,
            epoch: labels.epoch,
            instance: labels.instance,
            owner: labels.owner,
            appName: labels.appName,
            jobType: labels.jobType,
            created: labels.created,
            allocation: labels.allocation,
            ports: labels.ports,
            checks: labels.checks,
            hooks: PreShutdownSpec(hooks: hooks)
        )
        #expect(try ContainerLabels(reading: labels.dictionary).hooks?.hooks == [hooks[0], hooks[2]])
    }

    @Test
    func `no payload stands in a label, and its absence is told`() throws {
        let labels = Self.labels(healthcheck: Self.post)
        #expect(!labels.dictionary.values.contains { $0.contains("hidden") })
        #expect(try ContainerLabels(reading: labels.dictionary).checks?.isWhole == false)
    }

    @Test
    func `an executor's own labels select its containers`() {
        let selection = ContainerLabels.selection(cluster: ClusterID("c1"), executor: ExecutorID("e1"))
        let dictionary = Self.labels(healthcheck: Self.get).dictionary
        #expect(selection.count == 2)
        #expect(selection.allSatisfy { dictionary[$0.key] == $0.value })
    }

    @Test
    func `a foreign container is told from a damaged one`() {
        #expect(throws: LabelFault.foreign) { try ContainerLabels(reading: ["com.example": "1"]) }
        for key in Self.labels(healthcheck: Self.get).dictionary.keys.sorted() where key != "apus.schema" {
            var labels = Self.labels(healthcheck: Self.get).dictionary
            labels[key] = nil
            #expect(throws: LabelFault.damaged(label: key, reason: "is missing")) {
                try ContainerLabels(reading: labels)
            }
        }
        var labels = Self.labels(healthcheck: Self.get).dictionary
        labels["apus.allocation"] = "{"
        let fault = #expect(throws: LabelFault.self) { try ContainerLabels(reading: labels) }
        #expect(fault?.description.hasPrefix("label apus.allocation cannot be read: ") == true)
    }

    @Test
    func `labels of a later schema are refused, and why is said`() throws {
        var labels = Self.labels(healthcheck: Self.get).dictionary
        labels["apus.schema"] = "2"
        let fault = #expect(throws: LabelFault.self) { try ContainerLabels(reading: labels) }
        #expect(
            fault?.description
                == "label apus.schema is 2: a later version of Apus made it, this one reads up to 1"
        )
        for wrong in ["0", "-1", "one", "", "99999999999999999999"] {
            labels["apus.schema"] = wrong
            #expect(throws: LabelFault.self, "\(wrong)") { try ContainerLabels(reading: labels) }
        }
    }

    @Test
    func `a local service's labels name the service`() throws {
        var labels = Self.labels(healthcheck: Self.get)
        labels.owner = .localService(ServiceID("dns-1"))
        labels.jobType = .localService
        #expect(labels.dictionary["apus.service.id"] == "dns-1" && labels.dictionary["apus.app.id"] == nil)
        #expect(try ContainerLabels(reading: labels.dictionary) == labels)
    }
}
