import ApusModel

/// A command on its way to an executor.
struct Letter: Sendable {
    var command: NodeCommand
    /// The executor's base URL.
    var url: String

    /// A START with these files in it.
    func carrying(_ workload: Workload) -> Letter {
        guard case .start(var spec) = command.order else { return self }
        spec.workload = workload
        var letter = self
        letter.command.order = .start(spec)
        return letter
    }
}

/// The STARTs that need files fetched first: of each instance the newest.
///
/// Others may leave for the same executor while one waits here, and it is refused then, since they were decided later.
/// So its files stay until it is answered: when it is sent again it leaves at once.
struct Fittings {
    /// Beyond these none is taken: its timer hands it in again.
    static let most = 1024
    /// What nobody answers, since its executor was given up, is dropped then.
    private static let goodFor = Duration.seconds(60)

    /// What comes of a command that is handed in.
    enum Step {
        case leaves(Letter)
        /// The files of this are to be fetched first.
        case fetches(InstanceID, Workload)
        /// Its files are being fetched already, or there is no room for it.
        case stays
    }

    private enum Stage {
        case fetching(Letter)
        case fetched(Workload, until: ContinuousClock.Instant)

        func isOver(at now: ContinuousClock.Instant) -> Bool {
            switch self {
            case .fetching: false
            case .fetched(_, let until): until <= now
            }
        }
    }

    private var stages: [InstanceID: Stage] = [:]

    /// Whatever waits of the same instance is no longer meant.
    mutating func take(_ letter: Letter, at now: ContinuousClock.Instant) -> Step {
        let id = letter.command.instance
        guard case .start(let spec) = letter.command.order, spec.workload.needsFetching else {
            stages[id] = nil
            return .leaves(letter)
        }
        switch stages[id] {
        case .fetching:
            stages[id] = .fetching(letter)
            return .stays
        case .fetched(let workload, let until) where until > now:
            return .leaves(letter.carrying(workload))
        case .fetched, nil:
            stages = stages.filter { !$0.value.isOver(at: now) }
            guard stages.count < Self.most else { return .stays }
            stages[id] = .fetching(letter)
            return .fetches(id, spec.workload)
        }
    }

    /// The files are there.
    ///
    /// - Returns: what leaves with them; `nil` if it is no longer meant.
    mutating func fetched(_ workload: Workload, for id: InstanceID, at now: ContinuousClock.Instant) -> Letter? {
        guard case .fetching(let letter) = stages[id] else { return nil }
        stages[id] = .fetched(workload, until: now + Self.goodFor)
        return letter.carrying(workload)
    }

    /// A file could not be had.
    ///
    /// - Returns: what does not leave for that; `nil` if it is no longer meant.
    mutating func failed(for id: InstanceID) -> Letter? {
        guard case .fetching(let letter) = stages[id] else { return nil }
        stages[id] = nil
        return letter
    }

    /// Its START is not sent again.
    mutating func drop(_ id: InstanceID) { stages[id] = nil }
}
