package import ApusModel
import HashTreeCollections

/// What a ROLLOUT moves: a service from one application to another, its next version say.
///
/// It stands in the record of the application that it moves to. How far it has come shows in what both expect: the
/// one that is moved to expects all at once, the other one fewer with each instance that is replaced.
package struct Rollout: Hashable, Sendable {
    package var from: AppID
    package var to: AppID
    /// What `from` expected before, which a rollback restores.
    package var before: Int
    /// How many there were to be of `from` when it began: fewer than `before` if its creation was not done.
    package var there: Int
    /// The share that `from` followed before.
    package var shareBefore: CapacityShare?
    /// Why it is taken back; `nil` while it goes forward.
    package var failure: String?

    package init(from: AppID, to: AppID, before: Int, there: Int, shareBefore: CapacityShare?) {
        self.from = from
        self.to = to
        self.before = before
        self.there = there
        self.shareBefore = shareBefore
    }

    var record: JSON {
        .members([
            "from": from.json, "to": to.json, "before": .integer(Int64(before)), "there": .integer(Int64(there)),
            "shareBefore": shareBefore?.json, "failure": failure.map { .string($0) },
        ])
    }

    init(record json: JSON) throws(JSONError) {
        self.init(
            from: AppID(try json.string("from")),
            to: AppID(try json.string("to")),
            before: try json.int("before"),
            there: try json.int("there"),
            shareBefore: nil
        )
        if let recorded = json["shareBefore"] { shareBefore = try CapacityShare(json: recorded) }
        failure = json["failure"]?.text
    }
}

extension Operation {
    /// It has another course before it, of so many instances, and the time for that.
    mutating func beginAgain(steps: Int, at now: Moment) {
        rounds = max(1, (steps + parallelism - 1) / parallelism)
        spent = .zero
        (resumed, progressed, noted) = (now, now, now)
    }
}

/// A rollout as it stands: one application gains what the other one loses.
struct Handover {
    var operation: Operation
    var gaining: Application
    var losing: Application
    /// So many of what loses stay.
    var rest: Int
    /// How many there were of both before.
    var before: Int

    /// How many there are of both in the end.
    var total: Int { gaining.expected + rest }
    /// How many there are of both at any time, as far as it is for the rollout to say.
    var floor: Int { min(total, before) }

    /// `rollout` is what `operation`, of the application `new`, moves.
    init(_ operation: Operation, _ rollout: Rollout, to new: Application, from old: Application) {
        self.operation = operation
        before = operation.before + rollout.there
        let isTakenBack = rollout.failure != nil
        (gaining, losing) = isTakenBack ? (old, new) : (new, old)
        rest = isTakenBack ? operation.before : 0
    }
}

extension Application {
    /// It is moved from: what it had under way is over, and what that has not come to is not started any more.
    mutating func giveWay(leaving there: Int, at wall: WallTime) {
        guard let current = operation else { return }
        lastOperation = current.ended(.superseded, "ROLLOUT was asked for", at: wall)
        operation = nil
        expected = min(expected, there)
    }
}

extension ClusterState {
    /// The operation under way on an application, whichever of the two has its record in a rollout.
    package func operation(on application: Application) -> Operation? {
        application.operation ?? application.rolledOutTo.flatMap { applications[$0]?.operation }
    }
}

extension ApplicationSpec {
    /// Its instances may take the place of that one's: the name, or the virtual host, is the same.
    func serves(insteadOf other: ApplicationSpec) -> Bool {
        guard name != other.name else { return true }
        guard let vhost = exposureSpec?.vhost else { return false }
        return vhost == other.exposureSpec?.vhost
    }
}
