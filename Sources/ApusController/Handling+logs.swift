import ApusClient
import ApusEngine
import ApusModel
import HashTreeCollections

/// Log files, read from the executor that has them (contract §1.7); without the envelope.
///
/// Every answer names that executor, and since when it is away if it is.
extension Handling {
    /// So much of an executor's refusal is handed on.
    private static let longestRefusal = 64 << 10

    func logFiles() async throws(APIRefusal) -> APIAnswer {
        var answer = try await handingOn { client in try await client.answer("list") }
        if answer.json?["files"] == .array([]), case .rsyslog(let server, _, _)? = logging {
            answer.json = .members([
                "files": .array([]),
                "elsewhere": .string("its output goes to the syslog server \(server); there are no files of it"),
            ])
        }
        return answer
    }

    func readLogFile() async throws(APIRefusal) -> APIAnswer {
        let (file, query) = (parameter(3), call.query.filter { ["offset", "length", "wait"].contains($0.name) })
        return try await handingOn { client in try await client.answer(client.readPath(file, query)) }
    }

    func downloadLogFile() async throws(APIRefusal) -> APIAnswer {
        let query = call.query.filter { $0.name == "rename" }
        return try await answering { client in
            let download = try await client.download(client.downloadPath(parameter(3), query))
            guard download.status == 200 else {
                return Self.failed(download.status, try await download.beginning(upTo: Self.longestRefusal))
            }
            return APIAnswer(status: 200, file: Self.file(download))
        }
    }

    /// To be kept, not shown: whatever an executor calls it, a browser must not take it for a page of ours.
    private static func file(_ download: LogDownload) -> APIFile {
        let gzip = "application/gzip"
        let kept = "attachment"
        return APIFile(
            length: download.length,
            contentType: download.contentType == gzip ? gzip : "text/plain",
            disposition: download.disposition.flatMap { $0.hasPrefix(kept) ? $0 : nil } ?? kept,
            pieces: download.pieces
        )
    }

    // MARK: where they are

    private var owner: Owner? {
        switch parameter(0) {
        case "applications": .application(AppID(parameter(1)))
        case "tasks": .task(TaskID(source: parameter(1), name: parameter(2)))
        case "localservices": .localService(ServiceID(parameter(1)))
        default: nil
        }
    }

    /// Where that instance or task runs, or ran.
    private func executor(of owner: Owner) -> ExecutorID? {
        if case .task(let task) = owner {
            switch state.tasks[task]?.phase {
            case .placed(let instance): return state.instances[instance]?.executor
            case .ended(let end): return end.place?.executor
            case .unplaced, nil: return nil
            }
        }
        let instance = InstanceID(parameter(2))
        if let live = state.instances[instance], live.owner == owner { return live.executor }
        return state.ended[owner]?.entry(instance)?.executor
    }

    private var logging: LoggingSpec? {
        switch owner {
        case .application(let app): return state.applications[app]?.spec.logging
        case .localService(let service): return state.localServices[service]?.spec.service.logging
        case .task(let task): return state.tasks[task]?.spec.logging
        case nil: return nil
        }
    }

    // MARK: what they say

    /// The executor's JSON, as it gave it.
    private func handingOn(
        _ ask: (LogClient) async throws -> LogClient.Answer
    ) async throws(APIRefusal) -> APIAnswer {
        try await answering { client in
            let answer = try await ask(client)
            guard answer.status == 200 else { return Self.failed(answer.status, answer.body) }
            return APIAnswer(status: 200, json: try JSON(parsing: answer.body))
        }
    }

    /// What `ask` makes of the executor that has the files that the path names; no content if there is none.
    private func answering(_ ask: (LogClient) async throws -> APIAnswer) async throws(APIRefusal) -> APIAnswer {
        guard let owner else { return APIAnswer(status: 404) }
        guard let executor = executor(of: owner) else { return APIAnswer(status: 204) }
        guard let member = state.members[executor] else {
            return APIAnswer(status: 204, executor: "\(executor.headerText), which is no member any more")
        }
        guard !member.isLost else { return APIAnswer(status: 204, executor: member.whereabouts) }
        let client = LogClient(
            executor: member.baseURL,
            kind: parameter(0),
            owner: parameter(1),
            name: parameter(2),
            as: api.caller
        )
        var answer: APIAnswer
        do {
            answer = try await ask(client)
        } catch {
            answer = Self.error(
                "Executor call failed: \(member.whereabouts), last heard \(member.heardAt.utc): \(error)"
            )
        }
        answer.executor = member.whereabouts
        return answer
    }

    private static func failed(_ status: Int, _ body: [UInt8]) -> APIAnswer {
        let text = String(decoding: body.prefix(longestRefusal), as: UTF8.self)
        // What the executor refuses is the caller's mistake; Drove makes a 500 of it.
        return error("Executor call returned: \(status) body: \(text)", (400..<500).contains(status) ? 400 : 500)
    }

    private static func error(_ text: String, _ status: Int = 500) -> APIAnswer {
        APIAnswer(status: status, json: .members(["error": .string(text)]))
    }
}

extension Member {
    /// For people: which one it is, and since when it is away if it is.
    fileprivate var whereabouts: String {
        let name = "\(hostname.headerText):\(port) (\(id.headerText))"
        return switch presence {
        case .joining, .present: name
        case .silent: "\(name), silent since \(heardAt.utc)"
        case .lost(let since): "\(name), away since \(since.utc)"
        }
    }
}

extension ExecutorID {
    fileprivate var headerText: String { rawValue.headerText }
}

extension String {
    /// As a header may hold it: executors choose their own names.
    fileprivate var headerText: String {
        String(unicodeScalars.map { (0x21...0x7E).contains($0.value) ? Character($0) : "?" })
    }
}
