import ApusModel

/// All controllers are listed in one answer: so the leader forgets those by itself that are absent, when they are many.
extension ZooKeeperLeadership {
    /// So many absent ones stay listed.
    package static let mostAbsent = 64
    /// How often a leader looks.
    private static let interval: Duration = .seconds(60)
    /// What more there are is forgotten at the next look.
    private static let mostForgotten = 256

    /// Looks at once and then every minute, as long as the term lasts.
    func forgetLongAbsent(in term: Term) async {
        while term.reason == nil, !Task.isCancelled {
            do throws(StoreError) {
                try await forgetLongAbsent()
            } catch {
                // It looks again.
            }
            // try?: cancelled means that the loop ends.
            try? await Task.sleep(for: Self.interval)
        }
    }

    private func forgetLongAbsent() async throws(StoreError) {
        let count: Int
        do throws(ZooKeeperError) { count = try await session.children(ZooKeeperTree.controllers).count } catch {
            throw error.storeError
        }
        // Each is read only where it may matter.
        guard count > Self.mostAbsent else { return }
        let absent = try await controllers().longAbsent(besides: id, keeping: Self.mostAbsent)
        for other in absent.prefix(Self.mostForgotten) {
            try await forget(other)
            note("the controller \(other) is not listed any more: of those that are absent \(Self.mostAbsent) are kept")
        }
    }
}

extension [ControllerPresence] {
    /// Whom to forget so that no more than `most` absent ones stay: those that were seen longest ago, in that order.
    ///
    /// Never one that is present, nor `own`, whatever it looks like.
    package func longAbsent(besides own: String, keeping most: Int) -> [String] {
        let absent = filter { !$0.isPresent && $0.id != own }
        return absent.sorted { ($0.lastSeen, $0.id) < ($1.lastSeen, $1.id) }.dropLast(most).map(\.id)
    }
}
