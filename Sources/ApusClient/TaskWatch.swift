package import ApusModel

/// One task: asked for once, and followed to its end through restarts of the controller.
package struct TaskWatch: Sendable {
    private let client: APIClient
    private let task: TaskID
    private let patience: Patience

    package init(_ task: TaskID, _ client: APIClient, patience: Patience = Patience(.seconds(300))) {
        self.task = task
        self.client = client
        self.patience = patience
    }

    /// Asks for the task, which must not be there yet.
    ///
    /// The first call is made once: a controller that is not there is told at once. A request without an answer is
    /// repeated; that the task exists then means that it was accepted.
    package func create(_ operation: JSON, showing show: (String) -> Void) async throws {
        if let there = try await find() {
            throw alreadyExists("Task already exists for \(task) with taskID: \(task.runID); it is \(there.state)")
        }
        var isInDoubt = false
        var shown = ""
        try await patience.answer { error in
            isInDoubt = true
            Self.showOnce(Self.waiting(error), &shown, show)
        } _: {
            do {
                try await client.operateTask(operation)
            } catch let error as ClientError {
                guard case .refused(let texts) = error.code,
                    let text = texts.first(where: { $0.hasPrefix("Task already exists") })
                else { throw error }
                guard isInDoubt else { throw alreadyExists(text) }
            }
        }
    }

    private func alreadyExists(_ reason: String) -> ClientError {
        let text = "\(reason)\nDelete it with: apus tasks delete \(task), or give another name with --id"
        return ClientError(.refused([text]), text)
    }

    /// Waits until it has ended, and shows each change of its state.
    ///
    /// - Throws: `ClientError`; `notFound` if its record was deleted meanwhile.
    package func end(showing show: (String) -> Void) async throws -> TaskSummary {
        var shown = ""
        while true {
            let now = try await patience.answer { error in
                Self.showOnce(Self.waiting(error), &shown, show)
            } _: {
                try await client.task(task)
            }
            Self.showOnce(now.progress, &shown, show)
            if now.result != nil { return now }
            try await Task.sleep(for: patience.interval)
        }
    }

    private func find() async throws -> TaskSummary? {
        do {
            return try await client.task(task)
        } catch let error as ClientError where error.code == .notFound {
            return nil
        }
    }

    private static func waiting(_ error: ClientError) -> String { "waiting for the controller: \(error)" }

    private static func showOnce(_ line: String, _ shown: inout String, _ show: (String) -> Void) {
        if line != shown { show(line) }
        shown = line
    }
}
