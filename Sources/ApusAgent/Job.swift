package import ApusModel

/// One piece of work at the container engine or at a container's port, done by the edge within a deadline of its own.
package enum Job: Hashable, Sendable {
    /// Fetch the image unless it is there.
    case pull(image: String, timeout: Duration)
    /// Reserve host ports and create the container, `created` and `epoch` in its labels.
    ///
    /// If the instance has one already, that is the outcome. `ports` are to be taken again; empty means any.
    case create(InstanceSpec, created: WallTime, epoch: Epoch, ports: [PortMapping])
    /// Start it, for the first time or again; one that runs already is a success.
    case start(ContainerID)
    /// Try the check once: a command runs in the container, `port` is the published port that an HTTP check names.
    /// Without it that fails. Hooks are tried so too.
    case check(CheckMode, container: ContainerID, port: PortMapping?, timeout: Duration)
    /// Ask it to end, and kill it after `grace`; one that has ended or is gone is a success.
    case stop(ContainerID, grace: Duration)
    /// Remove it by force with its anonymous volumes; one that is gone is a success.
    case remove(ContainerID)
}

/// How a job ended.
package enum Outcome: Hashable, Sendable {
    case pulled
    case created(ContainerID, [PortMapping])
    case started
    /// A check passed.
    case passed
    case stopped
    case removed
    case failed(JobFailure)
}

/// Why a job failed.
package struct JobFailure: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable {
        /// A check found nobody listening: refused, or closed before a byte of answer (the container engine's port
        /// proxy does that while nothing listens behind it).
        case notListening
        case tls
        case timedOut
        /// An answer came, with another status than a check wants.
        case status
        /// A check's command ended with another code than 0.
        case exitCode
        /// The container engine did not answer.
        case engineAway
        /// This executor was too busy to judge: it says nothing about the application.
        case overloaded
        /// The image is not there (any more).
        case imageMissing
        case other
    }
    package var kind: Kind
    /// For people: what failed, where, and what the other side said.
    package var reason: String

    package init(_ kind: Kind, reason: String) {
        self.kind = kind
        self.reason = reason
    }
}
