package import ApusModel

/// A command of an earlier leader that an executor refused for it, as a line of the executor's log tells.
package struct LateCommand: Hashable, Sendable {
    package var epoch: Epoch
    /// Of the leader that was known there by then.
    package var known: Epoch

    package init(epoch: Epoch, known: Epoch) {
        self.epoch = epoch
        self.known = known
    }

    /// `nil` if the line tells of something else: also of a command that the same leader has overtaken.
    package init?(line: Substring) {
        guard line.contains("a command is refused"),
            let fences = line.firstMatch(of: /fence \(([0-9]+), [0-9]+\) is not above \(([0-9]+), [0-9]+\)/),
            let epoch = Epoch(fences.1), let known = Epoch(fences.2), epoch < known
        else { return nil }
        self.init(epoch: epoch, known: known)
    }
}
