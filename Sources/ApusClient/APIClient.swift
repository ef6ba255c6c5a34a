package import ApusModel
import NIOHTTP1

/// Typed calls of the controller's public API.
///
/// Every call throws `ClientError`, or `CancellationError` when its task was cancelled.
package struct APIClient: Sendable {
    /// Who asks.
    package let caller: Caller
    let leader: LeaderSearch
    /// Longer than the controller lets a request wait.
    private static let deadline: Duration = .seconds(15)

    /// Takes `http://host:port` or `host:port`; of several, with commas between, the one is asked that leads, which is
    /// looked for so long while none does.
    package init(endpoint: String, as caller: Caller = .nobody, searching limit: Duration? = nil) {
        leader = LeaderSearch(endpoint, limit: limit ?? LeaderSearch.usualLimit)
        self.caller = caller
    }

    /// The base URL, `http://host:port`; of several the leader's, or all while that is not known.
    package var endpoint: String { leader.endpoint }

    /// The base URL of the controller that leads now; with one alone, that one's.
    package func leadingEndpoint() async throws -> String {
        try await leader.at(as: caller, isHarmless: true) { $0 }
    }

    /// The same caller, who knows of these controllers too.
    ///
    /// Whoever asks by https alone shows a password to nobody without: those are left out.
    package func knowing(_ others: [String]) -> APIClient {
        func isEncrypted(_ endpoint: String) -> Bool { endpoint.hasPrefix("https://") }
        let isCareful = leader.endpoints.allSatisfy(isEncrypted)
        let known = leader.endpoints + others.filter { !isCareful || isEncrypted($0) }
        return APIClient(endpoint: known.joined(separator: ","), as: caller)
    }

    /// Returns if a leader answers.
    package func ping() async throws { _ = try await get("ping") }

    // MARK: applications

    /// All applications in the order of the API: the oldest first.
    package func applications() async throws -> [ApplicationSummary] {
        guard case .object(let members) = try await get("applications") else { throw unreadable("applications") }
        return try members.map { member in try read("applications") { try ApplicationSummary(json: member.value) } }
    }

    package func application(_ id: AppID) async throws -> ApplicationSummary {
        let json = try await get("applications/\(part(id))")
        return try read("applications/\(id)") { try ApplicationSummary(json: json) }
    }

    /// The specification with its secrets masked.
    package func spec(of id: AppID) async throws -> JSON { try await get("applications/\(part(id))/spec") }

    /// The instances in Drove's active states, oldest first; none if the application is unknown.
    package func instances(of id: AppID) async throws -> [InstanceSummary] {
        try await instances("applications/\(part(id))/instances")
    }

    /// Those that ended or failed, the last to end first.
    package func endedInstances(of id: AppID, atMost count: Int) async throws -> [InstanceSummary] {
        try await instances("applications/\(part(id))/instances/old?size=\(count)")
    }

    private func instances(_ path: String) async throws -> [InstanceSummary] {
        guard case .array(let elements) = try await get(path) else { throw unreadable(path) }
        return try elements.map { element in try read(path) { try InstanceSummary(json: element) } }
    }

    /// Asks for a change: an `ApplicationOperation` as JSON.
    ///
    /// - Returns: the application it is about. The work itself goes on after this.
    package func operate(_ operation: JSON) async throws -> AppID {
        let data = try await post("applications/operations", operation)
        return try read("applications/operations") { AppID(try data.string("appId")) }
    }

    /// Ends the operation under way; one that cannot be ended is `refused`.
    package func cancel(_ id: AppID) async throws {
        _ = try await data(.POST, "applications/operations/\(part(id))/cancel", nil)
    }

    /// Why there are no more instances of it; with `executors` also what each executor says.
    package func explanation(of id: AppID, executors: Bool) async throws -> JSON {
        try await get("applications/\(part(id))/explain?executors=\(executors)")
    }

    // MARK: local services

    /// All local services, the oldest first.
    package func services() async throws -> [ServiceSummary] {
        let path = "localservices"
        guard case .object(let members) = try await get(path) else { throw unreadable(path) }
        return try members.map { member in try read(path) { try ServiceSummary(json: member.value) } }
    }

    package func service(_ id: ServiceID) async throws -> ServiceSummary {
        let json = try await get("localservices/\(part(id))")
        return try read("localservices/\(id)") { try ServiceSummary(json: json) }
    }

    /// The instances in Drove's active states, oldest first.
    package func instances(of id: ServiceID) async throws -> [InstanceSummary] {
        try await instances("localservices/\(part(id))/instances")
    }

    /// Those that ended or failed, the last to end first.
    package func endedInstances(of id: ServiceID) async throws -> [InstanceSummary] {
        try await instances("localservices/\(part(id))/instances/old")
    }

    /// What each executor lacks of it; with `executors` also which one lacks what.
    package func explanation(of id: ServiceID, executors: Bool) async throws -> JSON {
        try await get("localservices/\(part(id))/explain?executors=\(executors)")
    }

    /// Asks for a change: a `LocalServiceOperation` as JSON.
    package func operateService(_ operation: JSON) async throws {
        _ = try await post("localservices/operations", operation)
    }

    /// Ends the operation under way; one that cannot be ended is `refused`.
    package func cancel(_ id: ServiceID) async throws {
        _ = try await data(.POST, "localservices/operations/\(part(id))/cancel", nil)
    }

    // MARK: tasks

    /// The tasks that wait or run, oldest first.
    package func tasks() async throws -> [TaskSummary] {
        guard case .array(let elements) = try await get("tasks") else { throw unreadable("tasks") }
        return try elements.map { element in try read("tasks") { try TaskSummary(json: element) } }
    }

    /// A task in any state.
    package func task(_ id: TaskID) async throws -> TaskSummary {
        let json = try await get(path(id))
        return try read(path(id)) { try TaskSummary(json: json) }
    }

    /// What keeps it from running, if anything does; with `executors` also what each executor says.
    package func explanation(of id: TaskID, executors: Bool) async throws -> JSON {
        try await get("\(path(id))/explain?executors=\(executors)")
    }

    /// Asks for a task's start or end: a `TaskOperation` as JSON.
    package func operateTask(_ operation: JSON) async throws { _ = try await post("tasks/operations", operation) }

    /// Forgets a task that has ended; any other is `notFound`.
    package func forget(_ id: TaskID) async throws { _ = try await data(.DELETE, path(id), nil) }

    private func path(_ id: TaskID) -> String {
        "tasks/\(HTTPCall.encoded(id.source))/instances/\(HTTPCall.encoded(id.name))"
    }

    // MARK: the cluster

    package func cluster() async throws -> JSON { try await get("cluster") }

    /// Begins or ends the maintenance of the whole cluster.
    package func setMaintenance(_ isOn: Bool) async throws -> JSON {
        try await post("cluster/maintenance/\(isOn ? "set" : "unset")", nil)
    }

    package func executors() async throws -> JSON { try await get("cluster/executors") }

    /// The cluster's own SPREAD, or NONE.
    package func defaultSpread() async throws -> JSON { try await get("cluster/placement/spread") }

    /// Sets or clears it; the answer says what holds now.
    package func setDefaultSpread(_ spread: DefaultSpread) async throws -> JSON {
        try await post("cluster/placement/spread", spread.json)
    }

    // MARK: steps

    /// The `data` of a path below `/apis/v1/`.
    package func get(_ path: String) async throws -> JSON { try await data(.GET, path, nil) }

    func post(_ path: String, _ body: JSON?) async throws -> JSON { try await data(.POST, path, body) }

    func data(_ method: HTTPMethod, _ path: String, _ body: JSON?) async throws -> JSON {
        try await leader.at(as: caller, isHarmless: method == .GET) { endpoint in
            try await data(method, path, body, at: endpoint)
        }
    }

    private func data(_ method: HTTPMethod, _ path: String, _ body: JSON?, at endpoint: String) async throws -> JSON {
        let url = "\(endpoint)/apis/v1/\(path)"
        let call = HTTPCall(method: method, url: url, body: body?.bytes, caller: caller)
        let answer = try await call.answer(within: Self.deadline)
        let envelope: JSON
        do {
            envelope = try JSON(parsing: answer.body)
        } catch {
            if answer.status != 200 { throw ClientError(answer: answer, from: url) }
            throw unreadable(path)
        }
        if answer.status == 200, envelope["status"]?.text == "SUCCESS" { return envelope["data"] ?? .null }
        throw failure(answer, envelope, url)
    }

    /// What an answer means that is no good one.
    func failure(_ answer: HTTPCall.Answer, from url: String) -> ClientError {
        do {
            return failure(answer, try JSON(parsing: answer.body), url)
        } catch {
            return ClientError(answer: answer, from: url)
        }
    }

    private func failure(_ answer: HTTPCall.Answer, _ envelope: JSON, _ url: String) -> ClientError {
        let message = envelope["message"]?.text ?? ""
        if answer.status == 200, envelope["status"]?.text == "FAILED" { return ClientError(.notFound, message) }
        guard answer.status == 400 else { return ClientError(answer: answer, from: url) }
        if case .array(let errors)? = envelope["data"]?["validationErrors"] {
            let texts = errors.compactMap(\.text)
            return ClientError(.refused(texts), texts.joined(separator: "\n"))
        }
        // A controller that does not lead says why beside its message, which is Drove's.
        let texts = [message, envelope["reason"]?.text].compactMap(\.self)
        return ClientError(.refused(texts), texts.joined(separator: "\n"))
    }

    func part<Entity>(_ id: Identifier<Entity>) -> String { HTTPCall.encoded(id.rawValue) }

    func read<Value>(_ path: String, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch {
            throw ClientError(
                .unreadable,
                "\(endpoint)/apis/v1/\(path) answered something else than it should: \(error)"
            )
        }
    }

    func unreadable(_ path: String) -> ClientError {
        ClientError(.unreadable, "\(endpoint)/apis/v1/\(path) does not answer as the API of a controller does")
    }
}
