/// Every kind of fault that the simulator brings about.
///
/// Each is counted where it takes effect, but for `jobFailed`, `halfCreated`, `jobTimedOut`, `checkTimedOut`, `hookFailed`
/// and `hookHung`, which are counted when they are drawn: a job that is given up before its end never comes to them.
/// A kind that stays at zero over a whole survey fails it.
package enum Fault: Int, CaseIterable, Sendable {
    // The network.
    case messageLost, messageRepeated, messageLate, messageOvertaken, partition
    // The controller.
    case controllerCrash, controllerCrashBeforeCommit, controllerCrashAfterCommit, controllerCrashAmidRelease
    case controllerCrashAmidCommit
    case controllerPause, controllerGoneLong, controllerClockForward, controllerClockBack
    case oldLeaderWoken, oldLeaderSends, oldLeaderFenced, oldCommandArrives
    // The store.
    case commitFailedBefore, commitFailedAfter, commitLostInCrash, commitKeptInCrash, storeAway, storeAwayLong
    // An executor's process and its disk.
    case executorCrash, executorCrashAmidActions, executorCrashAmidWork, machineLost, writeLost, writeTorn, writeFailed,
        rewriteFailed
    case executorStartsLeaderless, executorOverloaded, executorClockForward, executorClockBack
    // The container engine.
    case jobFailed, jobTimedOut, jobOrphaned, engineAway, engineHung, engineRestartKeeps, engineRestartEnds, exitMissed
    case diskFull, halfCreated, imageGone
    // Containers.
    case containerCrash, containerSick, containerFlapping, containerGone, crashLoop, checkTimedOut, hookFailed, hookHung
    case restartedInPlace
    // Tasks.
    case taskFailed, taskOutOfMemory, taskKilled, taskEndsLeaderless, taskResultStoreAway, taskBackFromLoss
    // How operations end, and what replaces.
    case operationFailed, operationRolledBack, operationCancelled, operationSuperseded, replacedStartFirst,
        replacedStopFirst
    // What nobody asked for.
    case strayPlanted, foreignPlanted, damagedPlanted
}

/// How often each kind of fault was brought about.
package struct FaultTable: Sendable, Equatable {
    private var counts = [Int](repeating: 0, count: Fault.allCases.count)

    package init() {}

    package subscript(_ fault: Fault) -> Int { counts[fault.rawValue] }

    mutating func count(_ fault: Fault) { counts[fault.rawValue] += 1 }

    package static func += (left: inout Self, right: Self) {
        for fault in Fault.allCases { left.counts[fault.rawValue] += right.counts[fault.rawValue] }
    }

    /// The kinds that never happened.
    package var missing: [Fault] { Fault.allCases.filter { self[$0] == 0 } }

    /// One line a kind.
    package var text: String {
        Fault.allCases.map { fault in
            let name = "\(fault)"
            return name + String(repeating: " ", count: max(1, 30 - name.count)) + "\(self[fault])"
        }.joined(separator: "\n")
    }
}
