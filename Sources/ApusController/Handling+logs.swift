import ApusClient
import ApusEngine
import ApusModel
import HashTreeCollections

/// Log files, read from the executor that has them (contract §1.7); without the envelope.
extension Handling {
    /// So much of an executor's refusal is handed on.
    private static let longestRefusal = 64 << 10

    func logFiles() async throws(APIRefusal) -> APIAnswer {
        try await handingOn { client in try await client.answer("list") }
    }

    func readLogFile() async throws(APIRefusal) -> APIAnswer {
        let (file, query) = (parameter(3), call.query.filter { ["offset", "length"].contains($0.name) })
        return try await handingOn { client in try await client.answer(client.readPath(file, query)) }
    }

    func downloadLogFile() async throws(APIRefusal) -> APIAnswer {
        let client: LogClient
        switch try logs() {
        case .answered(let answer): return answer
        case .held(let found): client = found
        }
        let query = call.query.filter { $0.name == "rename" }
        do {
            let download = try await client.download(client.downloadPath(parameter(3), query))
            guard download.status == 200 else {
                return Self.failed(download.status, try await download.beginning(upTo: Self.longestRefusal))
            }
            let file = APIFile(
                length: download.length,
                contentType: download.contentType ?? "text/plain",
                disposition: download.disposition,
                pieces: download.pieces
            )
            return APIAnswer(status: 200, file: file)
        } catch {
            return Self.unreached(error)
        }
    }

    // MARK: where they are

    private enum Holder {
        case held(LogClient)
        case answered(APIAnswer)
    }

    /// Who has the files that the path names.
    private func logs() throws(APIRefusal) -> Holder {
        let (kind, owner, name) = (parameter(0), parameter(1), parameter(2))
        let executor: ExecutorID?
        switch kind {
        case "applications": executor = self.executor(of: InstanceID(name), in: .application(AppID(owner)))
        case "tasks": executor = self.executor(ofTask: TaskID(source: owner, name: name))
        case "localservices": executor = self.executor(of: InstanceID(name), in: .localService(ServiceID(owner)))
        default: return .answered(APIAnswer(status: 404))
        }
        guard let executor, let member = state.members[executor], !member.isLost else {
            return .answered(APIAnswer(status: 204))
        }
        return .held(LogClient(executor: member.baseURL, kind: kind, owner: owner, name: name))
    }

    /// Where that instance runs, or ran.
    private func executor(of instance: InstanceID, in owner: Owner) -> ExecutorID? {
        if let live = state.instances[instance], live.owner == owner { return live.executor }
        return state.ended[owner]?.entry(instance)?.executor
    }

    /// Where that task runs, or ran.
    private func executor(ofTask task: TaskID) -> ExecutorID? {
        switch state.tasks[task]?.phase {
        case .placed(let instance): state.instances[instance]?.executor
        case .ended(let end): end.place?.executor
        case .unplaced, nil: nil
        }
    }

    // MARK: what they say

    /// The executor's JSON, as it gave it.
    private func handingOn(
        _ ask: (LogClient) async throws -> LogClient.Answer
    ) async throws(APIRefusal) -> APIAnswer {
        let client: LogClient
        switch try logs() {
        case .answered(let answer): return answer
        case .held(let found): client = found
        }
        do {
            let answer = try await ask(client)
            guard answer.status == 200 else { return Self.failed(answer.status, answer.body) }
            return APIAnswer(status: 200, json: try JSON(parsing: answer.body))
        } catch {
            return Self.unreached(error)
        }
    }

    private static func failed(_ status: Int, _ body: [UInt8]) -> APIAnswer {
        let text = String(decoding: body.prefix(longestRefusal), as: UTF8.self)
        // What the executor refuses is the caller's mistake; Drove makes a 500 of it.
        return error("Executor call returned: \(status) body: \(text)", (400..<500).contains(status) ? 400 : 500)
    }

    private static func unreached(_ failure: any Error) -> APIAnswer { error("Executor call failed: \(failure)") }

    private static func error(_ text: String, _ status: Int = 500) -> APIAnswer {
        APIAnswer(status: status, json: .members(["error": .string(text)]))
    }
}
