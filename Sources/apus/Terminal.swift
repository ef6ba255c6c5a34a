import ApusModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// This process's terminal, whose keys are handed on as they are until it is restored.
struct Terminal: Sendable {
    private let usual: termios

    /// - Throws: `CommandFailure` if it cannot be set.
    init() throws {
        var now = termios()
        guard tcgetattr(STDIN_FILENO, &now) == 0 else { throw Self.failure() }
        usual = now
        cfmakeraw(&now)
        guard tcsetattr(STDIN_FILENO, TCSADRAIN, &now) == 0 else { throw Self.failure() }
    }

    /// As it was before.
    func restore() {
        var usual = usual
        tcsetattr(STDIN_FILENO, TCSADRAIN, &usual)
    }

    static var isInput: Bool { isatty(STDIN_FILENO) == 1 }
    static var isOutput: Bool { isatty(STDOUT_FILENO) == 1 }

    /// As the other side is told; `nil` if there is none.
    static var size: ExecFrame? {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0, size.ws_col > 0 else { return nil }
        return .resize(rows: Int(size.ws_row), columns: Int(size.ws_col))
    }

    private static func failure() -> CommandFailure {
        CommandFailure(.noExitCode, "the terminal cannot be set: \(String(cString: strerror(errno)))")
    }
}
