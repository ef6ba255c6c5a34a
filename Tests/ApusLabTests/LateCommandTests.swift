import ApusLab
import Testing

/// What executors' logs tell of commands that came too late.
struct LateCommandTests {
    private func line(_ fence: String, _ known: String) -> Substring {
        """
        2026-01-01T00:00:00+0000 notice executor: error=the command's fence \(fence) is not above \(known), which this \
        executor has seen [ApusExecutor] a command is refused: it came too late
        """
    }

    @Test func `a command of an earlier leader is late, and one that its own leader has overtaken is not`() {
        #expect(LateCommand(line: line("(3, 17)", "(4, 0)")) == LateCommand(epoch: 3, known: 4))
        #expect(LateCommand(line: line("(4, 17)", "(4, 18)")) == nil)
        #expect(LateCommand(line: "2026-01-01T00:00:00+0000 notice executor: a leader answers again") == nil)
    }
}
