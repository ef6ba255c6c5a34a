/// One message between whoever runs a command in a container and the executor that has the container.
///
/// On the wire: a byte for its kind, four for the length of what it holds (big-endian, at most 64 KiB), and that.
package enum ExecFrame: Hashable, Sendable {
    /// To the command; at most `longestData`, as the other two.
    case stdin([UInt8])
    case stdout([UInt8])
    case stderr([UInt8])
    /// The command has ended; nothing follows.
    case exit(code: Int64)
    /// The terminal has another size.
    case resize(rows: Int, columns: Int)
    /// No more comes to the command.
    case stdinEnd
    /// There is no exit code, and why; nothing follows.
    case error(String)
    case heartbeat
    /// So many bytes of the other side's data have been used: as many more may come.
    case taken(bytes: Int)

    package static let contentType = "application/vnd.apus.exec"
    package static let longestData = 64 << 10
    /// So many bytes of data may be under way in each direction: sent, and not yet `taken`.
    package static let window = 256 << 10
    fileprivate static let headLength = 5
    private static let longestError = 4 << 10

    /// The form on the wire.
    package var bytes: [UInt8] {
        switch self {
        case .stdin(let data): Self.framed(0, data)
        case .stdout(let data): Self.framed(1, data)
        case .stderr(let data): Self.framed(2, data)
        case .exit(let code): Self.framed(3, JSON.members(["code": .integer(code)]).bytes)
        case .resize(let rows, let columns):
            Self.framed(
                4,
                JSON.members(["rows": .integer(Int64(rows)), "columns": .integer(Int64(columns))]).bytes
            )
        case .stdinEnd: Self.framed(5, [])
        case .error(let text): Self.framed(6, Array(text.clipped(toBytes: Self.longestError).utf8))
        case .heartbeat: Self.framed(7, [])
        case .taken(let bytes): Self.framed(8, JSON.members(["bytes": .integer(Int64(bytes))]).bytes)
        }
    }

    private static func framed(_ kind: UInt8, _ data: [UInt8]) -> [UInt8] {
        precondition(data.count <= longestData, "a frame of \(data.count) bytes")
        let length = UInt32(data.count)
        let head = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) }
        return [kind] + head + data
    }

    /// `nil` for a kind of a later version, which may be left out.
    fileprivate init?(kind: UInt8, _ data: [UInt8]) throws(JSONError) {
        switch kind {
        case 0: self = .stdin(data)
        case 1: self = .stdout(data)
        case 2: self = .stderr(data)
        case 3: self = .exit(code: try JSON(parsing: data).integer("code"))
        case 4:
            let json = try JSON(parsing: data)
            self = .resize(rows: try Self.count("rows", of: json), columns: try Self.count("columns", of: json))
        case 5: self = .stdinEnd
        case 6: self = .error(String(decoding: data, as: UTF8.self))
        case 7: self = .heartbeat
        case 8: self = .taken(bytes: try Self.count("bytes", of: JSON(parsing: data)))
        default: return nil
        }
    }

    private static func count(_ key: String, of json: JSON) throws(JSONError) -> Int {
        let number = try json.integer(key)
        guard (0...0xFFFF_FFFF).contains(number) else { throw JSONError("\(key) is \(number)") }
        return Int(number)
    }
}

/// Takes a stream of frames apart, however it is cut into pieces.
package struct ExecFrames: Sendable {
    private var unread: [UInt8] = []

    package init() {}

    /// The frames that are whole now.
    ///
    /// - Throws: `JSONError` if these are no frames; what follows cannot be read either.
    package mutating func take(_ bytes: some Collection<UInt8>) throws(JSONError) -> [ExecFrame] {
        unread += bytes
        var frames: [ExecFrame] = []
        var position = 0
        while unread.count - position >= ExecFrame.headLength {
            let start = position + ExecFrame.headLength
            let length = unread[(position + 1)..<start].reduce(0) { $0 << 8 | Int($1) }
            guard length <= ExecFrame.longestData else { throw JSONError("a frame of \(length) bytes") }
            guard unread.count - start >= length else { break }
            if let frame = try ExecFrame(kind: unread[position], Array(unread[start..<(start + length)])) {
                frames.append(frame)
            }
            position = start + length
        }
        unread.removeFirst(position)
        return frames
    }
}
