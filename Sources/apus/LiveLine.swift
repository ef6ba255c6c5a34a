#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The one line of a terminal that shows how something comes along, written anew with each change.
struct LiveLine: Sendable {
    private static let usualWidth = 80

    /// `nil` if standard output is no terminal: a pipe gets each change as a line.
    init?() {
        guard isatty(STDOUT_FILENO) == 1 else { return nil }
    }

    /// Puts the text in its place, cut to the terminal's width.
    func show(_ text: String) { Output.part("\r\u{1B}[K\(text.prefix(Self.width - 1))") }

    /// Leaves the line empty for what comes next.
    func clear() { Output.part("\r\u{1B}[K") }

    private static var width: Int {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1 else { return usualWidth }
        return Int(size.ws_col)
    }
}
