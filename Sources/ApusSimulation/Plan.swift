import ApusModel

/// What one run of the simulator does.
package struct Plan: Sendable {
    /// What a client or a fault does at a fixed time.
    package enum Act: Sendable {
        case create(app: Int, instances: Int)
        case scale(app: Int, to: Int)
        case suspend(app: Int)
        case recover(app: Int)
        case destroy(app: Int)
        /// One running container of the application ends by itself.
        case killContainer(app: Int)
        case crashController
        case crashExecutor(Int)
        /// A container with sound labels that nobody asked for.
        case plantStray(executor: Int)
    }

    /// How the commit of a number goes wrong.
    package enum CommitFailure: String, Sendable, CaseIterable {
        /// Nothing is stored; the controller is told so.
        case before
        /// It is stored; the controller is told that it failed.
        case after
        /// The controller crashes, nothing is stored.
        case crashBefore
        /// It is stored, and the controller crashes before anything leaves.
        case crashAfter
    }

    /// A defect put in on purpose, to prove that it is found.
    package enum Sabotage: Sendable {
        /// A container gets cores that another one holds.
        case coresBookedTwice
        /// The store drops what it is given of applications.
        case requestForgotten
        /// The store drops what it is given of assignments.
        case assignmentForgotten
        /// The controller's STOP for what is unknown never leaves.
        case straysKept
        /// What was removed comes back.
        case endedStartedAgain
        /// The executor clears its machine of everything.
        case foreignRemoved
    }

    package var seed: UInt64
    /// How long clients and faults are at work; then all is healed.
    package var chaos: Duration
    /// Clients and faults draw what they do; without it only `script` is done.
    package var isRandom: Bool
    package var executors: Int?
    package var script: [(after: Duration, act: Act)] = []
    package var commitFailure: (commit: Int, failure: CommitFailure)?
    package var sabotage: Sabotage?

    /// All is drawn from the seed.
    package init(seed: UInt64) {
        self.seed = seed
        isRandom = true
        chaos = .seconds(180)
    }

    /// A fixed course on calm waters, but for what is asked for.
    package init(script: [(after: Duration, act: Act)], executors: Int, seed: UInt64 = 1) {
        self.seed = seed
        isRandom = false
        self.script = script
        self.executors = executors
        chaos = (script.map(\.after).max() ?? .zero) + .seconds(5)
    }
}
