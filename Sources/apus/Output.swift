#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

import Synchronization

/// Whole lines to the standard streams, unbuffered: nothing is lost in a crash, and a pipe sees each line at once.
enum Output {
    /// As a shell reports an end by SIGPIPE.
    private static let readerGone: Int32 = 141
    private static let endsWithItsReader = Atomic(true)

    /// From here on the process goes on when nobody reads its standard output any more.
    static func outliveReader() { endsWithItsReader.store(false, ordering: .relaxed) }

    static func line(_ text: String) { write("\(text.harmless)\n", to: STDOUT_FILENO) }

    /// A text as it is, without the end of its line.
    static func part(_ text: String) { write(text, to: STDOUT_FILENO) }

    /// For what is not the command's result: progress beside `--json`, and errors.
    static func error(_ text: String) { write("\(text.harmless)\n", to: STDERR_FILENO) }

    /// An error of less than 4 KiB is written without waiting: a pipe that takes anything takes so much.
    static var takesError: Bool {
        var stream = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        return poll(&stream, 1, 0) == 1 && stream.revents & Int16(POLLOUT) != 0
    }

    private static func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty { rest = rest.dropFirst(write(rest, to: descriptor)) }
    }

    /// Writes the beginning of it.
    ///
    /// - Returns: how much; all of it if there is nobody left to tell.
    static func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Int {
        while true {
            let count = bytes.withUnsafeBytes { system_write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EPIPE, descriptor == STDOUT_FILENO, endsWithItsReader.load(ordering: .relaxed) {
                Terminal.restore()
                _exit(readerGone)
            }
            return count > 0 ? count : bytes.count
        }
    }

    /// A table under its header, or what is said when it is empty.
    static func list(_ header: [String], _ rows: [[String]], orElse none: String) {
        if rows.isEmpty { line(none) } else { table([header] + rows) }
    }

    /// Columns as wide as their widest cell, the last one as it is.
    static func table(_ rows: [[String]]) {
        for row in self.rows(rows) { line(row) }
    }

    /// The lines of a table.
    static func rows(_ rows: [[String]]) -> [String] {
        let widths = (0..<(rows.first?.count ?? 0)).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var text = ""
            for (column, cell) in row.enumerated() {
                let padding = column < row.count - 1 ? widths[column] - cell.count + 2 : 0
                text += cell + String(repeating: " ", count: padding)
            }
            while text.hasSuffix(" ") { text.removeLast() }
            return text
        }
    }
}

extension String {
    /// With a sign in place of each control character but the ends of lines and tabs: what others have chosen, a cause or a
    /// name, must not steer the terminal.
    fileprivate var harmless: String {
        func isControl(_ scalar: Unicode.Scalar) -> Bool {
            scalar.properties.generalCategory == .control && scalar != "\n" && scalar != "\t"
        }
        guard unicodeScalars.contains(where: isControl) else { return self }
        var text = String.UnicodeScalarView()
        for scalar in unicodeScalars { text.append(isControl(scalar) ? "\u{FFFD}" : scalar) }
        return String(text)
    }
}

/// `write` of the C library, which our own function would hide.
private func system_write(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
