import ApusEngine
import ApusModel
import ApusStore
import Logging

/// The whole store, for a back-up; an addition of Apus.
extension Handling {
    private static let longestExport = Duration.seconds(600)

    /// It holds all there is, the hashes of passwords and the keys of tokens among it.
    func exportStore() async throws(APIRefusal) -> APIAnswer {
        _ = try call.json()
        guard let place = api.exports.place() else { throw .busy("The store is being exported already; try again") }
        let stream: ExportStream
        switch await api.exports.snapshot(after: api.inbox) {
        case .success(let snapshot)?: stream = ExportStream(snapshot, of: state.cluster, at: api.time().wall)
        case .failure(let error)?: throw .unavailable("Nothing was exported: \(error)")
        case nil: throw .unavailable("Nothing was exported: the store is busy with a change; try again")
        }
        api.logger.info("the store is exported", metadata: ["by": "\(principal.name)", "source": "\(call.source)"])
        await audit("STORE_EXPORT", of: AuditSubject(.cluster, state.cluster.rawValue))
        let file = APIFile(
            length: nil,
            contentType: APIFile.export,
            disposition: "attachment; filename=\"apus-store.jsonl\"",
            pieces: ExportPieces(stream: stream, place: place, deadline: ContinuousClock.now + Self.longestExport)
        )
        return APIAnswer(status: 200, file: file)
    }
}
