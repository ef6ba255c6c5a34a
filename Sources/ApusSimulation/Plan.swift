package import ApusModel

/// What one run of the simulator does.
package struct Plan: Sendable {
    /// What a client or a fault does at a fixed time.
    package enum Act: Sendable {
        case create(app: Int, instances: Int)
        case scale(app: Int, to: Int)
        case replace(app: Int, stopFirst: Bool)
        case suspend(app: Int)
        case recover(app: Int)
        case destroy(app: Int)
        case rollOut(app: Int, from: Int)
        case createTask
        /// One running container of the application ends by itself.
        case killContainer(app: Int)
        case crashController
        case crashExecutor(Int)
        /// A container with sound labels that nobody asked for.
        case plantStray(executor: Int)
        /// Nothing passes on one channel of an executor, control or data.
        case cut(NodeChannel, executor: Int, for: Duration)
        /// The leader is cut off from these executors, and a controller that stands by is not.
        case cutLeader(from: [Int], for: Duration)
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

    /// A defect put in on purpose, to prove that it is found: what is on its way is changed, lost or repeated.
    package enum Sabotage: Sendable, CaseIterable {
        // On the way to the store.
        /// What it is given of applications is dropped.
        case requestForgotten
        /// What it is given of local services is dropped.
        case serviceForgotten
        /// Of a rollout's two records that change together the one that it moves from is dropped.
        case rolloutParted
        /// That an expected count follows the cluster is left out.
        case shareForgotten
        /// The cluster's SPREAD is left out.
        case spreadForgotten
        /// What it is given of ended instances is dropped.
        case historyForgotten
        /// Tasks that have ended a moment ago are forgotten.
        case taskExpiredEarly
        /// What it is given of assignments is dropped.
        case assignmentForgotten
        /// What it is given of tasks is dropped.
        case taskForgotten
        /// The end of a task is written again, otherwise.
        case taskEndChanged
        /// How operations ended is left out.
        case operationForgotten
        /// Why tasks and operations ended is left out.
        case reasonsForgotten
        /// What an old leader writes is stored.
        case storeFenceIgnored
        /// A restored store says that it was confirmed.
        case restorationConfirmed
        /// The effects leave while their commit is in doubt.
        case effectsInDoubt

        // On the way to the executors.
        /// The STOP for what is unknown never leaves.
        case straysKept
        /// A task's START goes to another executor too.
        case taskSentTwice
        /// One more START leaves with each.
        case startedTooMany
        /// A replacement's STOP leaves with the new one's START.
        case replacedTooEarly
        /// A rollout's STOP leaves with the new one's START.
        case movedTooEarly
        /// With a STOP of a replacement that stops first, more leave.
        case makesWayTooEarly
        /// With each STOP of what is too many, another one leaves.
        case stoppedTooMany
        /// A START goes to an executor that is not there.
        case placedOnAbsent
        /// A START goes to an executor that waits for its local services.
        case placedOnUnready
        /// A START goes to an executor with another instance, though there may be one a host only.
        case policyIgnored
        /// A START goes to another zone, though instances are spread over them.
        case spreadIgnored
        /// A task's START goes where nothing is free.
        case loadIgnored
        /// No STOP of an application's instance leaves.
        case stopsWithheld
        /// No command about a task leaves.
        case taskCommandsWithheld
        /// Commands of an old epoch are taken for new ones.
        case staleFencesTaken
        /// Commands for another state folder are taken.
        case otherKeysTaken

        // On the way to the controller.
        /// Each executor seems to say at once that it has nothing.
        case repairedUngathered
        /// Each executor seems to know the newest epoch.
        case epochForged
        /// Each executor seems to be in trouble.
        case troublesForged
        /// Another exit code is told.
        case exitCodeChanged
        /// Each executor seems to have more.
        case capacityForged
        /// Each executor's port seems to be reached.
        case probesForged

        // On the way to the journal.
        case acceptedUnwritten
        case fenceUnwritten
        case endUnwritten
        /// The STOP of an id that is not there.
        case stopOfUnknownUnwritten

        // On the way to the containers, and from them.
        /// A container gets cores that another one holds.
        case coresBookedTwice
        /// A container gets ports that another one holds.
        case portsBookedTwice
        /// A second container of the instance is made.
        case containerDoubled
        /// What was removed comes back.
        case endedStartedAgain
        /// A task's container that has ended is started again.
        case taskRunAgain
        /// Nothing is removed.
        case removalsIgnored
        /// What is started again in place gets other cores.
        case restartMoved
        /// The executor clears its machine of everything.
        case foreignRemoved
        /// The executor stops what is healthy while there is no leader.
        case healthyStoppedLeaderless
        /// What ended while nobody watched seems to run.
        case exitsIgnored
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
        chaos = .seconds(570)
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
