import ApusEngine

/// Where everything stands below the chroot.
///
///     /cluster                            the cluster's id
///     /epoch                              the fence: the number of the leadership
///     /turn                               how many batches were committed: one watch tells that something changed
///     /log/<turn mod 1024>                which records a batch wrote: a ring
///     /records/<kind>/<bucket>/<id>       the records
///     /election/<who>-<number>            the line of controllers; the first leads
///     /successor                          whom a leader named that gave up
///     /controllers/<id>                   what a controller says of itself; below it `here` while it is, with
///                                         what it reaches; of absent ones the last 64 that were seen
enum ZooKeeperTree {
    static let cluster = "/cluster"
    static let epoch = "/epoch"
    static let turn = "/turn"
    static let log = "/log"
    static let records = "/records"
    static let election = "/election"
    static let successor = "/successor"
    static let controllers = "/controllers"

    /// The nodes that are made at first, parents first, with their first bytes.
    static let foundation: [(path: String, text: String)] =
        [(epoch, "0"), (turn, "0"), (log, ""), (election, ""), (controllers, ""), (records, "")]
        + RecordKind.allCases.map { (kind($0), "") }

    static func kind(_ kind: RecordKind) -> String { "\(records)/\(kind.rawValue)" }

    /// A directory is listed whole, in one answer that must stay under 1 MB: so records are spread over buckets.
    ///
    /// 256 of them hold two million tasks whose names have a hundred bytes. Nothing counts tasks: ended ones are gone
    /// after `Retention.tasks` (two days), so that is some ten a second all the time.
    static func bucket(of key: RecordKey) -> String {
        // FNV-1a: the same in every process and version.
        var hash: UInt32 = 2_166_136_261
        for byte in key.id.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        let bucket = UInt8(truncatingIfNeeded: hash ^ hash >> 16)
        return "\(kind(key.kind))/\(bucket < 16 ? "0" : "")\(String(bucket, radix: 16))"
    }

    static func record(_ key: RecordKey) -> String { "\(bucket(of: key))/\(NodeName.encoded(key.id))" }

    static func slot(of turn: Int64) -> String { "\(log)/\(turn % TurnEntry.slots)" }

    static func controller(_ id: String) -> String { "\(controllers)/\(NodeName.encoded(id))" }

    static func here(_ id: String) -> String { "\(controller(id))/here" }
}

/// Any text as the name of a node, which may not hold a slash, control characters and more.
///
/// Letters, digits and `-_.~:` stand for themselves, so that people can read it; other bytes are `%` and two digits.
enum NodeName {
    private static let plain = Set("-_.~:".utf8)
    private static let digits = Array("0123456789ABCDEF".utf8)

    static func encoded(_ text: String) -> String {
        // These mean something else, or nothing.
        if text.isEmpty { return "%" }
        if text == "." || text == ".." { return text.utf8.map { _ in "%2E" }.joined() }
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            let isPlain = isPlain(byte)
            bytes += isPlain ? [byte] : [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// `nil` if no text has that name.
    static func decoded(_ name: String) -> String? {
        if name == "%" { return "" }
        var bytes: [UInt8] = []
        var rest = name.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == 0x25 else {
                bytes.append(byte)
                continue
            }
            guard let high = digit(rest.popFirst()), let low = digit(rest.popFirst()) else { return nil }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        default: plain.contains(byte)
        }
    }

    private static func digit(_ byte: UInt8?) -> UInt8? {
        byte.flatMap { digits.firstIndex(of: $0) }.map { UInt8($0) }
    }
}

/// What one commit wrote, as the log holds it for those that follow.
struct TurnEntry: Hashable, Sendable {
    /// The ring: who is further behind reads all records again; at a hundred commits a second that is ten seconds.
    static let slots: Int64 = 1024
    /// Longer ones say only that there was much.
    private static let longest = 64 << 10
    private static let much = "*"

    var turn: Int64
    /// `nil` if they were too many to name.
    var keys: [RecordKey]?

    init(turn: Int64, keys: [RecordKey]) {
        self.turn = turn
        let size = keys.reduce(0) { $0 + $1.kind.rawValue.utf8.count + $1.id.utf8.count + 2 }
        self.keys = size > Self.longest ? nil : keys
    }

    var bytes: [UInt8] {
        let lines = keys?.map { "\($0.kind.rawValue) \(NodeName.encoded($0.id))" } ?? [Self.much]
        return Array(([String(turn)] + lines).joined(separator: "\n").utf8)
    }

    /// `nil` of what is no entry.
    init?(_ bytes: [UInt8]) {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        guard let first = lines.first, let turn = Int64(first) else { return nil }
        self.turn = turn
        if lines.dropFirst().first == Self.much[...] { return }
        var keys: [RecordKey] = []
        for line in lines.dropFirst() {
            let words = line.split(separator: " ")
            guard words.count == 2, let kind = RecordKind(rawValue: String(words[0])),
                let id = NodeName.decoded(String(words[1]))
            else { return nil }
            keys.append(RecordKey(kind, id))
        }
        self.keys = keys
    }
}
