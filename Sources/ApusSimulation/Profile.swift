import ApusModel

/// How rough this run is: each seed draws its own weather, so that faults meet in many combinations.
struct Profile: Sendable {
    /// Per thousand.
    var loss = 0
    var repetition = 0
    var lateness = 0
    var jobFailure = 0
    var commitFailure = 0
    var crashPoint = 0
    var writeFailure = 0
    /// Of images that are gone when a container is to be made.
    var imageLoss = 0
    /// Of those tasks that end by themselves.
    var taskFailure = 0
    /// Between two acts of mischief.
    var mischiefEvery: ClosedRange<Int> = 1000...1000
    var mischief: [Mischief] = []

    static let calm = Profile()

    init() {}

    init(drawing chance: inout Chance) {
        func some(_ range: ClosedRange<Int>, _ chance: inout Chance) -> Int {
            chance.hits(700) ? chance.number(in: range) : 0
        }
        loss = some(1...100, &chance)
        repetition = some(1...100, &chance)
        lateness = some(1...150, &chance)
        jobFailure = some(1...80, &chance)
        commitFailure = some(1...100, &chance)
        crashPoint = some(1...8, &chance)
        writeFailure = some(1...40, &chance)
        imageLoss = chance.hits(300) ? chance.number(in: 1...300) : 0
        taskFailure = some(1...600, &chance)
        let pace = chance.number(in: 300...4000)
        mischiefEvery = pace...pace * 3
        mischief = Mischief.allCases.filter { _ in chance.hits(500) }
    }
}

/// What goes wrong by itself, at any time.
enum Mischief: CaseIterable, Sendable {
    case crashController, pauseController, deposeController, turnControllerClock, storeAway
    case crashExecutor, stopExecutor, swapFolder, losePower, diskBad, overload, turnExecutorClock
    case cutOff, cutUp, cutDown, cutGroup, cutZone
    case engineAway, engineHung, engineRestart, diskFull
    case killContainer, sickenContainer, flapContainer, loseContainer, crashLoop
    case plantStray, plantForeign, plantDamaged
    case occupy
}
