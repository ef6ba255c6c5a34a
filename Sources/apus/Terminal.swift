import ApusModel
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// This process's terminal.
enum Terminal {
    /// As it was before it was changed, and is to be again however the process ends; `nil` if it is so.
    private static let usual = Mutex<termios?>(nil)

    /// Its keys are handed on as they are until it is restored.
    ///
    /// - Throws: `CommandFailure` if it cannot be set.
    static func handOnKeys() throws {
        var now = termios()
        guard tcgetattr(STDIN_FILENO, &now) == 0 else { throw failure() }
        let before = now
        cfmakeraw(&now)
        usual.withLock { $0 = before }
        guard tcsetattr(STDIN_FILENO, TCSADRAIN, &now) == 0 else { throw failure() }
    }

    /// As it was before; nothing if it is so.
    static func restore() {
        usual.withLock { usual in
            guard var before = usual.take() else { return }
            tcsetattr(STDIN_FILENO, TCSADRAIN, &before)
        }
    }

    /// A line that is typed unseen, after this question; where nobody types, the next one of standard input.
    static func secretLine(_ question: String) -> String {
        var now = termios()
        guard isInput, tcgetattr(STDIN_FILENO, &now) == 0 else { return readLine() ?? "" }
        usual.withLock { [before = now] in $0 = before }
        now.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &now)
        defer { restore() }
        Output.error(question)
        return readLine() ?? ""
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
