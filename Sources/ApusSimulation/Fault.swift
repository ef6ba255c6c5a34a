/// Every kind of fault that the simulator brings about.
///
/// Each is counted where it takes effect, but for `jobFailed`, `halfCreated`, `jobTimedOut`, `checkTimedOut`, `hookFailed`
/// and `hookHung`, which are counted when they are drawn: a job that is given up before its end never comes to them.
/// A kind that stays at zero over a whole survey fails it.
package enum Fault: CaseIterable, Sendable {
    // The network.
    case messageLost, messageRepeated, messageLate, messageOvertaken
    case partition, partitionUp, partitionDown, partitionGroup, partitionZone
    // The controller.
    case controllerCrash, controllerCrashBeforeCommit, controllerCrashAfterCommit, controllerCrashAmidRelease
    case controllerCrashAmidCommit
    case controllerPause, controllerGoneLong, controllerClockForward, controllerClockBack
    case leaderHandedOver
    case oldLeaderWoken, oldLeaderSends, oldLeaderAnswers, oldLeaderFenced, oldCommandArrives
    // The store.
    case commitFailedBefore, commitFailedAfter, commitLostInCrash, commitKeptInCrash, storeAway, storeAwayLong
    case storeRestored, epochRaised
    // An executor's process, its machine and its disk.
    case executorCrash, executorCrashAmidActions, executorCrashAmidWork, executorStopped, executorStoppedLong
    case machineLost, zonePowerLost, zoneBackFromLoss, folderSwapped
    case writeLost, writeTorn, writeFailed, rewriteFailed
    case executorStartsLeaderless, executorOverloaded, executorClockForward, executorClockBack
    case executorClockSuspends
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
    // What operators ask for.
    case maintenance, executorBlacklisted, executorSuspended, executorSuspendedAtOnce, executorRetired,
        executorTakenBack
    // What nobody asked for.
    case strayPlanted, foreignPlanted, damagedPlanted
    // What follows the cluster, and what time does.
    case shareFollowed, spreadChanged, executorOccupied, applicationExpired, taskExpired
}
