package import ApusEngine
package import ApusModel
import Crypto

/// What an export says of itself in its first line.
package struct ExportHeader: Hashable, Sendable {
    /// A reader refuses a later one.
    static let format: Int64 = 1
    /// Beyond it are no leaders, and sums would overflow.
    private static let greatestEpoch: Epoch = 1 << 53

    package var cluster: ClusterID
    /// The one that was in force; an import sets a greater one.
    package var epoch: Epoch
    /// When it was taken.
    package var time: WallTime
    /// That of the Apus that wrote it.
    package var version: String

    package init(cluster: ClusterID, epoch: Epoch, at time: WallTime, by version: String = ApusVersion.text) {
        self.cluster = cluster
        self.epoch = epoch
        self.time = time
        self.version = version
    }

    var json: JSON {
        [
            "apus": "store export", "format": .integer(Self.format), "version": .string(version),
            "cluster": cluster.json, "epoch": .integer(epoch), "time": time.json,
        ]
    }

    init(json: JSON) throws(JSONError) {
        guard json["apus"] == "store export" else { throw JSONError("it does not say that it is one") }
        version = try json.string("version")
        let format = try json.integer("format")
        guard format == Self.format else {
            throw JSONError(
                "its format is \(format), and apus \(ApusVersion.text) reads \(Self.format): import it with "
                    + "apus \(version), which wrote it"
            )
        }
        cluster = ClusterID(try json.string("cluster"))
        epoch = try json.integer("epoch")
        guard (0...Self.greatestEpoch).contains(epoch) else { throw JSONError("its epoch \(epoch) can be none") }
        time = WallTime(milliseconds: try json.integer("time"))
    }
}

/// The text of an export: lines of JSON, the header first, then each record, and at the end how many these are, with the
/// SHA-256 of all lines before.
package struct ExportText {
    private static let newline = UInt8(ascii: "\n")

    private var sum = SHA256()
    private var records: Int64 = 0

    /// Begins with nothing written.
    package init() {}

    /// The first line.
    package mutating func header(_ header: ExportHeader) -> [UInt8] { counted(header.json.bytes + [Self.newline]) }

    /// A line for each.
    package mutating func lines(of records: [Record]) -> [UInt8] {
        var lines: [UInt8] = []
        for record in records {
            let line: JSON = [
                "kind": .string(record.key.kind.rawValue), "id": .string(record.key.id),
                "bytes": .string(Base64.encoded(record.bytes)),
            ]
            lines += line.bytes
            lines.append(Self.newline)
        }
        self.records += Int64(records.count)
        return counted(lines)
    }

    /// The last line.
    package func end() -> [UInt8] {
        let end: JSON = ["records": .integer(records), "sha256": .string(Self.text(of: sum))]
        return end.bytes + [Self.newline]
    }

    private mutating func counted(_ lines: [UInt8]) -> [UInt8] {
        sum.update(data: lines)
        return lines
    }

    /// In hexadecimal digits, as `sha256sum` writes it.
    static func text(of sum: SHA256) -> String {
        sum.finalize().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

/// A store's snapshot as the text of an export, read as fast as it is taken; iterate it once.
package struct ExportStream: AsyncSequence, Sendable {
    package typealias Element = [UInt8]

    private let snapshot: any StoreSnapshot
    /// Its first line.
    package let header: ExportHeader

    package init(_ snapshot: any StoreSnapshot, of cluster: ClusterID, at time: WallTime) {
        self.snapshot = snapshot
        header = ExportHeader(cluster: cluster, epoch: snapshot.epoch, at: time)
    }

    package func makeAsyncIterator() -> Iterator { Iterator(header: header, snapshot: snapshot) }

    package struct Iterator: AsyncIteratorProtocol {
        private enum Stage { case header, records, over }

        let header: ExportHeader
        let snapshot: any StoreSnapshot
        private var stage = Stage.header
        private var text = ExportText()

        init(header: ExportHeader, snapshot: any StoreSnapshot) {
            self.header = header
            self.snapshot = snapshot
        }

        /// - Throws: `StoreError`, also if the store holds half an import.
        @concurrent
        package mutating func next() async throws -> [UInt8]? {
            switch stage {
            case .header:
                stage = .records
                return text.header(header)
            case .records:
                let records = try await snapshot.next()
                guard !records.contains(where: { $0.key == RestoredState.marker }) else {
                    throw StoreError.corrupt(reason: RestoredState.halfImported)
                }
                guard records.isEmpty else { return text.lines(of: records) }
                stage = .over
                return text.end()
            case .over: return nil
            }
        }
    }
}

@available(*, unavailable)
extension ExportStream.Iterator: Sendable {}
