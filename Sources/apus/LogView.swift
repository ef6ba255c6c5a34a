import ApusClient

/// The lines of a folder of log files, which are renamed while they are read.
///
/// A file is known by its mark, the time of its first line: later files have greater ones, under any name.
struct LogView: Sendable {
    static let newest = "output.log"
    private static let pieceLength = 256 << 10
    /// So many seconds an executor waits for new lines.
    private static let wait = 2
    /// So often they are asked for at most.
    private static let interval = Duration.milliseconds(500)
    /// So often it is asked whether any can still come.
    private static let endInterval = Duration.seconds(2)
    /// A controller that restarts meanwhile is waited for so long.
    private static let patience = Duration.seconds(30)
    /// How often the files may change places while they are looked through.
    private static let tries = 5

    /// Where reading goes on: in the file of that mark, or with the first file there is if that is empty.
    private struct Place: Sendable {
        var mark = ""
        var offset = 0
    }

    private struct File {
        var name: String
        var mark: String
        var length: Int
    }

    /// The files changed places while they were read.
    private struct Moved: Error {}

    private static let restless = CommandFailure(
        .other,
        "The log files change places faster than they can be read; try again"
    )

    let files: LogClient
    private let show: @Sendable ([Substring]) -> Void
    private var place = Place()
    /// The beginning of a line whose end has not been read.
    private var unended = ""

    /// `show` gets whole lines as they are followed.
    init(files: LogClient, show: @escaping @Sendable ([Substring]) -> Void) {
        self.files = files
        self.show = show
    }

    // MARK: the last lines

    /// The last lines over all files; `follow` goes on behind them.
    mutating func last(_ range: LogRange) async throws -> [Substring] {
        for attempt in 1... {
            do {
                let (lines, end) = try await lines(range)
                place = end
                return lines
            } catch is Moved where attempt < Self.tries {
                continue
            } catch is Moved {
                break
            }
        }
        throw Self.restless
    }

    /// The last lines of one file.
    func lines(of name: String, _ range: LogRange) async throws -> [Substring] {
        let piece = try await files.read(name, offset: 0, length: 0)
        let file = File(name: name, mark: piece.file, length: piece.length)
        do {
            return range.wanted(try await lines(of: file, range))
        } catch is Moved {
            throw CommandFailure(.other, "\(name) was renamed while it was read; try again")
        }
    }

    private func lines(_ range: LogRange) async throws -> (lines: [Substring], end: Place) {
        let all = try await marked()
        guard let newest = all.first else { return ([], Place()) }
        var lines: [Substring] = []
        for file in all where lines.count < range.count {
            if let first = lines.first, range.excludes(first) { break }
            var rest = range
            rest.count -= lines.count
            lines = try await self.lines(of: file, rest) + lines
        }
        return (range.wanted(lines), Place(mark: newest.mark, offset: newest.length))
    }

    /// The files with lines in them, the newest first.
    private func marked() async throws -> [File] {
        var all: [File] = []
        for name in try await files.files() {
            do {
                let piece = try await read(name, offset: 0, length: 0)
                guard !piece.file.isEmpty, !all.contains(where: { $0.mark == piece.file }) else { continue }
                all.append(File(name: name, mark: piece.file, length: piece.length))
            } catch is Moved where name != Self.newest {
                // The oldest may have gone since it was listed.
            }
        }
        return all.sorted { $0.mark > $1.mark }
    }

    /// Whole lines from the end of the file: at least those that are wanted, or all there are.
    private func lines(of file: File, _ range: LogRange) async throws -> [Substring] {
        // How far back a time lies is not known beforehand.
        var span = max(64 << 10, range.since == nil ? range.count * 200 : 0)
        while range.count > 0 {
            let start = max(0, file.length - span)
            let text = try await text(of: file, from: start)
            var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            if lines.last?.isEmpty ?? false { lines.removeLast() }
            if start == 0 { return lines }
            // The first is the end of one that began before.
            let whole = lines.dropFirst()
            if whole.count >= range.count || whole.first.map(range.excludes) ?? false { return Array(whole) }
            span *= 4
        }
        return []
    }

    private func text(of file: File, from start: Int) async throws -> String {
        var (text, offset) = ("", start)
        while offset < file.length {
            let length = min(Self.pieceLength, file.length - offset)
            let piece = try await read(file.name, offset: offset, length: length)
            guard piece.file == file.mark, piece.next > offset else { throw Moved() }
            text += piece.data
            offset = piece.next
        }
        return text
    }

    /// Reads of a file that was listed: a refusal means that it has gone from there.
    private func read(
        _ name: String,
        offset: Int,
        length: Int,
        waiting seconds: Int = 0
    ) async throws -> LogClient.Piece {
        do {
            return try await files.read(name, offset: offset, length: length, waiting: seconds)
        } catch let error as ClientError {
            guard case .status(400, _) = error.code else { throw error }
            throw Moved()
        }
    }

    // MARK: new lines

    /// Shows what comes until `hasEnded` and all is shown.
    mutating func follow(hasEnded: () async throws -> Bool) async throws {
        var asked = ContinuousClock.now
        var heard = ContinuousClock.now
        var (isEnded, told) = (false, "")
        while true {
            let begin = ContinuousClock.now
            do {
                let isNew = try await advance(waiting: isEnded ? 0 : Self.wait)
                heard = .now
                if !isNew {
                    // Ended, and looked at once more after that.
                    if isEnded { break }
                    if ContinuousClock.now - asked >= Self.endInterval {
                        isEnded = try await hasEnded()
                        asked = .now
                    }
                }
                if isNew || isEnded { continue }
            } catch is Moved where ContinuousClock.now - heard < Self.patience {
                // Asked again below.
            } catch is Moved {
                throw Self.restless
            } catch let error as ClientError where error.mayPass && ContinuousClock.now - heard < Self.patience {
                if told != error.message { Output.error("apus: waiting for new lines: \(error)") }
                told = error.message
            }
            try await Task.sleep(until: begin + Self.interval)
        }
        if !unended.isEmpty { show([unended[...]]) }
    }

    /// Reads a piece.
    ///
    /// - Returns: whether there may be more at once.
    private mutating func advance(waiting seconds: Int) async throws -> Bool {
        guard !place.mark.isEmpty else { return try await next() }
        do {
            let piece = try await read(
                Self.newest,
                offset: place.offset,
                length: Self.pieceLength,
                waiting: seconds
            )
            if piece.file == place.mark {
                take(piece)
                return !piece.data.isEmpty
            }
        } catch is Moved {
            // Renamed, and no new one has begun.
        }
        // It has another name now: the rest of it comes first.
        if let file = try await marked().first(where: { $0.mark == place.mark }) {
            while place.offset < file.length {
                let piece = try await read(file.name, offset: place.offset, length: Self.pieceLength)
                guard piece.file == place.mark else { return true }
                guard piece.next > place.offset else { break }
                take(piece)
            }
        } else {
            Output.error("apus: lines are missing here: their file was removed before it could be read")
        }
        return try await next()
    }

    /// Goes over to the file after this one, if there is one.
    private mutating func next() async throws -> Bool {
        guard let file = try await marked().last(where: { $0.mark > place.mark }) else { return false }
        place = Place(mark: file.mark)
        return true
    }

    private mutating func take(_ piece: LogClient.Piece) {
        place.offset = piece.next
        var lines = (unended + piece.data).split(separator: "\n", omittingEmptySubsequences: false)
        unended = String(lines.removeLast())
        if !lines.isEmpty { show(lines) }
    }
}

extension ClientError {
    /// A controller that restarts, or one that tells with a 500 that the executor does not answer.
    fileprivate var mayPass: Bool {
        if case .status(500, _) = code { return true }
        return isPassing
    }
}
