import ApusClient
import ApusEngine
import ApusModel
import HashTreeCollections
import Logging

/// Commands in containers that run; an addition of Apus.
extension Handling {
    /// Hands the caller's frames on to the executor that has the instance, and its frames back.
    func runCommand() async throws(APIRefusal) -> APIAnswer {
        let request: ExecRequest
        do throws(JSONError) {
            request = try ExecRequest(query: call.query)
        } catch {
            throw .spec(.violations(["\(error)"]))
        }
        guard let frames = call.frames else {
            throw .refused("The body of this call must be \(ExecFrame.contentType)")
        }
        let id = InstanceID(parameter(0))
        guard let instance = state.instances[id] else {
            throw .notFound("There is no instance \(id), or it has ended")
        }
        guard let member = state.members[instance.executor], !member.isLost else {
            throw .refused("The executor of \(id) is given up: nothing can be run there")
        }
        let pipe = BytePipe(capacity: 128 << 10)
        guard let place = api.execs.place(for: pipe) else {
            throw .busy("\(ExecRelays.most) commands are handed on by this controller already")
        }
        let answer: ExecClient.Answer
        do {
            answer = try await ExecClient(executor: member.baseURL, as: api.caller).begin(
                request,
                in: id,
                sending: pipe
            )
            guard answer.isOpen else { return Self.refusal(of: answer.status, try await answer.refusal()) }
        } catch {
            return .failed(500, "Executor call failed: \(member.hostname):\(member.port): \(error)")
        }
        api.logger.info(
            "a command is run in a container",
            metadata: ["user": "\(principal.name)", "source": "\(call.source)", "instance.id": "\(id)"]
        )
        let related = [AuditSubject(instance.owner).id, instance.executor.rawValue]
        await audit("COMMAND_RUN", of: AuditSubject(id), related: related)
        let relay = ExecRelay(frames, to: pipe, answer, place: place)
        let file = APIFile(
            length: nil,
            contentType: ExecFrame.contentType,
            disposition: nil,
            pieces: relay.toCaller,
            meanwhile: { await relay.run() }
        )
        return APIAnswer(status: 200, file: file)
    }

    /// In the executor's words.
    private static func refusal(of status: Int, _ reason: String) -> APIAnswer {
        switch status {
        case 503: APIAnswer(.busy(reason))
        case 400..<500: .failed(400, reason)
        default: .failed(500, "Executor call returned: \(status): \(reason)")
        }
    }
}
