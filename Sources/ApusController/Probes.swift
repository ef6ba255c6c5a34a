import ApusClient
import ApusEngine
import ApusModel
import Logging

/// Looks at executors' ports, a bounded number at a time; to hand over never waits.
///
/// The engine asks again after a while for what nothing came of, so what finds no place here is dropped.
final class Probes: Sendable {
    private static let mostAtOnce = 64
    private static let mostWaiting = 4_096

    private let probes = AsyncStream.makeStream(of: Probe.self, bufferingPolicy: .bufferingNewest(mostWaiting))
    private let ask: Controller.Ask
    private let inbox: Inbox
    private let logger: Logger

    init(inbox: Inbox, logger: Logger, ask: @escaping Controller.Ask) {
        self.inbox = inbox
        self.logger = logger
        self.ask = ask
    }

    func hand(_ probe: Probe) { probes.continuation.yield(probe) }

    /// Asks until cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            var underWay = 0
            for await probe in probes.stream {
                if underWay >= Self.mostAtOnce {
                    await group.next()
                    underWay -= 1
                }
                group.addTask { await self.perform(probe) }
                underWay += 1
            }
            group.cancelAll()
        }
    }

    private func perform(_ probe: Probe) async {
        do {
            let pong = try await ask(probe.baseURL)
            let outcome = ProbeOutcome.answered(pong.cluster, pong.executor, incarnation: pong.incarnation)
            inbox.take(outcome: .probed(probe, outcome))
        } catch is CancellationError {
            // Nobody waits for it any more.
            return
        } catch {
            logger.debug("port not reached", metadata: ["executor.id": "\(probe.executor)", "error": "\(error)"])
            inbox.take(outcome: .probed(probe, .failed("\(error)")))
        }
    }
}

extension Probe {
    /// Where whoever is looked at is to answer.
    var baseURL: String { "\(transport == .https ? "https" : "http")://\(hostname):\(port)" }
}
