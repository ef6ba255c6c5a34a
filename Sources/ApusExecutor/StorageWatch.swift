import ApusAgent
import ApusClient
import ApusModel

/// Tries again and again whether the state directory can be written: a full disk is known before a START needs it.
package struct StorageWatch: Sendable {
    /// Until then a try counts as failed.
    private static let patience = Duration.seconds(5)

    private let directory: NodeDirectory
    private let interval: Duration
    private let tries = Lookups(limit: 1)

    package init(_ directory: NodeDirectory, interval: Duration = .seconds(10)) {
        self.directory = directory
        self.interval = interval
    }

    /// Tells what came of each try, until the task is cancelled.
    package func run(tried: @Sendable (String?) async -> Void) async {
        while !Task.isCancelled {
            let fault = await fault()
            guard !Task.isCancelled else { return }
            await tried(fault)
            do { try await Task.sleep(for: interval) } catch { return }
        }
    }

    private func fault() async -> String? {
        do {
            let directory = directory
            try await tries.run(within: Self.patience, doing: "writing in \(directory.path)") {
                try directory.tryWriting()
            }
            return nil
        } catch {
            return "\(error)"
        }
    }
}
