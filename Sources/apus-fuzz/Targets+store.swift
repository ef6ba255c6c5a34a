import ApusEngine
import ApusModel
import ApusStore

extension FuzzTarget {
    /// What a back-up of the store holds.
    static func exports() -> [FuzzTarget] {
        [
            text(
                "store-export",
                [Export.sample.whole],
                read: { bytes in try Export(bytes) { try $0.end() } },
                write: { Array($0.whole.utf8) },
                isSame: { $0 == $1 }
            ),
            // Its lines without their checksum, which hardly anything broken would pass.
            text(
                "store-export-lines",
                [Export.sample.lines],
                read: { bytes in try Export(bytes) { $0.header } },
                write: { Array($0.lines.utf8) },
                isSame: { $0 == $1 }
            ),
        ]
    }
}

private struct Export: Hashable, Sendable {
    var header: ExportHeader
    var records: [Record]

    static let sample = Export(
        header: ExportHeader(cluster: ClusterID("c1"), epoch: 7, at: WallTime(milliseconds: 1_753_000_000_000)),
        records: [
            Record(key: RecordKey(.application, "web-1"), bytes: Array(Samples.applicationRecord.utf8)),
            Record(key: RecordKey(.cluster, "facts"), bytes: Array(Samples.factsRecord.utf8)),
            Record(key: RecordKey(.member, "E"), bytes: []),
        ]
    )

    init(header: ExportHeader, records: [Record]) {
        self.header = header
        self.records = records
    }

    /// In two pieces; `nil` if there is no header.
    init?(_ bytes: [UInt8], _ end: (ExportReading) throws -> ExportHeader?) throws {
        var reading = ExportReading()
        let half = bytes.count / 2
        records = try reading.take(bytes.prefix(half)) + reading.take(bytes.dropFirst(half))
        guard let header = try end(reading) else { return nil }
        self.header = header
    }

    var lines: String { String(decoding: written.lines, as: UTF8.self) }
    var whole: String { String(decoding: written.lines + written.end, as: UTF8.self) }

    private var written: (lines: [UInt8], end: [UInt8]) {
        var text = ExportText()
        let lines = text.header(header) + text.lines(of: records)
        return (lines, text.end())
    }
}
