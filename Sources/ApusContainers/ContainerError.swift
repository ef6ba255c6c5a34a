import ApusModel

/// What went wrong between Apus and a container engine, in the engine's own words.
///
/// Two errors of one `code` call for the same reaction; `doing` and `message` are for people.
package struct ContainerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Of a message, which may be a whole page: enough to tell why.
    private static let longestMessage = 1_000

    package enum Code: Hashable, Sendable {
        /// No such container.
        case notFound
        /// The container's state does not allow it, or the same is already under way.
        case conflict
        /// Another container has that name.
        case nameInUse
        /// A port to be published is taken on the host. The container exists, not started: remove it.
        case portInUse
        /// The image is neither here nor, for a pull, at its registry.
        case imageMissing
        /// The engine does not answer on its socket.
        case unreachable
        /// The call's deadline passed; whether it took effect is not known.
        case timedOut
        /// The engine speaks no version of the API that Apus speaks.
        case unsupportedVersion
        /// The engine's answer could not be read.
        case unreadable
        /// Any other refusal, with its HTTP status.
        case engine(status: Int)
    }

    package var code: Code
    /// What was being done, as "starting container 4f60…".
    package var doing: String
    /// Why it failed; the engine's own message where there is one, at most 1,000 bytes of it.
    package var message: String

    package init(_ code: Code, doing: String, message: String) {
        self.code = code
        self.doing = doing
        self.message = message.clipped(toBytes: Self.longestMessage)
    }

    package var description: String { "\(doing): \(message)" }

    /// Reads the refusal out of an answer of 400 or above.
    init(answer: EngineAnswer, doing: String) {
        let message = answer.message
        let code: Code =
            if message.contains("port is already allocated") || message.contains("address already in use") {
                .portInUse
            } else if answer.status == 404 {
                message.contains("No such image") ? .imageMissing : .notFound
            } else if answer.status == 409 {
                message.contains("is already in use by container") ? .nameInUse : .conflict
            } else {
                .engine(status: answer.status)
            }
        self.init(code, doing: doing, message: message)
    }
}
