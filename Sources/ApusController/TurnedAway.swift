import ApusModel
import Synchronization

/// Executors that show no secret of the cluster come again twice a second: each is told of once in a while.
final class TurnedAway: Sendable {
    private static let toldEvery = Duration.seconds(3_600)
    /// Of so many in that time, whoever they are: nobody is to fill the audit log.
    private static let most = 60

    private struct Caller: Hashable {
        var action: String
        var name: String
        var source: String
    }

    private let told = Mutex<[Caller: Moment]>([:])

    /// - Returns: `true` if it is to be told of now.
    func isNews(_ action: String, _ name: String, from source: String, at now: Moment) -> Bool {
        let caller = Caller(action: action, name: name, source: source)
        return told.withLock { told in
            if let last = told[caller], now - last < Self.toldEvery { return false }
            if told.count >= Self.most { told = told.filter { now - $0.value < Self.toldEvery } }
            guard told.count < Self.most else { return false }
            told[caller] = now
            return true
        }
    }
}
