import ApusStore
import Logging

/// Warns while another controller goes by this one's id.
struct NamesakeWatch {
    private static let interval: Duration = .seconds(5)
    /// Before it is said again.
    private static let pause: Duration = .seconds(600)

    let leadership: any Leadership
    let logger: Logger

    /// Looks until it is cancelled.
    func run() async {
        var next = ContinuousClock.now
        while !Task.isCancelled {
            if let trouble = leadership.namesake, ContinuousClock.now >= next {
                logger.warning("this controller's id is another's too", metadata: ["reason": "\(trouble)"])
                next = ContinuousClock.now + Self.pause
            }
            // try?: cancelled means that the loop ends.
            try? await Task.sleep(for: Self.interval)
        }
    }
}
