import ApusEngine
import ApusModel
import ApusStore
import ApusTestKit
import Foundation
import Testing

/// Exports: what is written is read, and nothing else is.
@Suite struct StoreExportTests {
    private static let records = [
        Record(key: RecordKey(.application, "web-1"), bytes: Array(#"{"schema":1}"#.utf8)),
        Record(key: RecordKey(.cluster, "facts"), bytes: (0...255).map { UInt8($0) }),
        Record(key: RecordKey(.task, "JOBS/Grüße \"1\""), bytes: []),
    ]
    private static let header = ExportHeader(
        cluster: ClusterID("c1"),
        epoch: 7,
        at: WallTime(milliseconds: 1_753_000_000_000)
    )

    private static func text(of records: [Record] = records, _ header: ExportHeader = header) -> [UInt8] {
        var text = ExportText()
        return text.header(header) + text.lines(of: records) + text.end()
    }

    /// Read in pieces of that size.
    private func read(_ bytes: [UInt8], by size: Int = 1 << 20) throws(ExportFault) -> (ExportHeader, [Record]) {
        var (reading, records, rest) = (ExportReading(), [Record](), bytes[...])
        while !rest.isEmpty {
            records += try reading.take(rest.prefix(size))
            rest = rest.dropFirst(size)
        }
        return (try reading.end(), records)
    }

    private func fault(_ bytes: [UInt8]) -> String? {
        do throws(ExportFault) {
            _ = try read(bytes)
            return nil
        } catch {
            return error.description
        }
    }

    @Test(arguments: [1, 7, 64, 1 << 20]) func `what is written is read, in whatever pieces it comes`(size: Int) throws
    {
        let (header, records) = try read(Self.text(), by: size)
        #expect(header == Self.header)
        #expect(records == Self.records)
        let empty = try read(Self.text(of: []), by: size)
        #expect(empty.1.isEmpty)
    }

    @Test func `an export that was cut off anywhere is refused`() {
        let bytes = Self.text()
        for count in bytes.indices {
            #expect(fault(Array(bytes[..<count])) != nil, "\(count) of \(bytes.count) bytes are taken")
        }
        #expect(fault(Array(bytes.dropLast()))?.contains("ends within line 5: it was not written") == true)
        #expect(fault([])?.contains("its first line is missing") == true)
    }

    @Test func `an export in which any one bit is another is refused`() {
        let bytes = Self.text()
        for index in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[index] ^= 1 << bit
                #expect(fault(damaged) != nil, "bit \(bit) of byte \(index) may be another")
            }
        }
    }

    @Test func `a changed, a missing and an added record are told from damage of the lines`() throws {
        var lines = Self.text().split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true).map { Array($0) }
        func joined() -> [UInt8] { lines.flatMap { $0 + [UInt8(ascii: "\n")] } }
        let first = lines.remove(at: 1)
        #expect(fault(joined())?.hasPrefix("line 4: there should be 3 records, and there are 2") == true)
        lines.insert(first, at: 2)
        #expect(fault(joined())?.contains("line 5: the checksum of what stands before is another one") == true)
        lines.swapAt(1, 2)
        #expect(fault(joined()) == nil)
        #expect(fault(joined() + [10])?.contains("something follows its last line") == true)
        #expect(fault(joined() + Array("x".utf8))?.contains("something follows its last line") == true)
    }

    @Test func `what this version does not know is refused with the version that wrote it`() {
        let text = String(decoding: Self.text(), as: UTF8.self)
        func fault(_ text: String) -> String { self.fault(Array(text.utf8)) ?? "" }
        let other = text.replacing(#""version":"\#(ApusVersion.text)""#, with: #""version":"9.8.7""#)
        let later = other.replacing(#""format":1"#, with: #""format":2"#)
        #expect(fault(later).contains("its format is 2"))
        #expect(fault(later).contains("import it with apus 9.8.7, which wrote it"))
        let kind = other.replacing(#""kind":"application""#, with: #""kind":"planet""#)
        #expect(fault(kind).hasPrefix("line 2: the kind of the record planet web-1 is not known to apus "))
        #expect(fault(kind).hasSuffix("import it with apus 9.8.7, which wrote it"))
        #expect(fault("#!/bin/sh\n").hasPrefix("it is no export that can be read here"))
        #expect(fault("{}\n").contains("it does not say that it is one"))
        #expect(fault(text.replacing(#""epoch":7"#, with: #""epoch":-7"#)).contains("its epoch -7 can be none"))
        #expect(fault(text.replacing(#""epoch":7"#, with: #""epoch":9223372036854775807"#)).contains("can be none"))
        #expect(fault(String(repeating: " ", count: 2 << 20)).contains("line 1 is longer"))
    }

    @Test func `a record that no store takes is refused`() {
        let large = Record(key: RecordKey(.member, "E"), bytes: [UInt8](repeating: 7, count: Record.maximumBytes))
        #expect(fault(Self.text(of: [large])) == nil)
        let larger = Record(key: large.key, bytes: large.bytes + [7])
        #expect(fault(Self.text(of: [larger]))?.contains("member E has 262145 bytes") == true)
        let nameless = Record(key: RecordKey(.member, ""), bytes: [])
        #expect(fault(Self.text(of: [nameless]))?.contains("the record's id is empty") == true)
    }

    @Test func `a store that holds half an import is not exported`() async throws {
        let store = MemoryStore()
        let epoch = try await store.acquireEpoch()
        try await store.commit(Batch(epoch: epoch, writes: [.put(RestoredState.marker, [])]))
        let stream = ExportStream(try await store.snapshot(), of: ClusterID("c1"), at: WallTime(milliseconds: 0))
        await #expect(throws: StoreError.self) { for try await _ in stream {} }
    }

    // MARK: the golden one

    private static var golden: String { "\(#filePath)/../../Golden" }

    @Test func `the store of the sixth version is exported as it was recorded, and that is read again`() async throws {
        let recorded = try Data(contentsOf: URL(fileURLWithPath: "\(Self.golden)/7/export.jsonl").standardized)
        let (header, records) = try read(Array(recorded))
        #expect(header.epoch == 1 && header.version == "0.1.0")
        let scratch = try TemporaryDirectory()
        let copy = scratch.path + "/state"
        let state = URL(fileURLWithPath: "\(Self.golden)/6/state").standardized
        try FileManager.default.copyItem(at: state, to: URL(fileURLWithPath: copy))
        let store = try await SQLiteStore.open(in: try StateDirectory(at: copy))
        let stream = ExportStream(try await store.snapshot(), of: header.cluster, at: header.time)
        var bytes: [UInt8] = []
        for try await piece in stream { bytes += piece }
        try await store.close()
        // What is not of this version's own making.
        let text = String(decoding: bytes, as: UTF8.self).replacing(
            #""version":"\#(ApusVersion.text)""#,
            with: #""version":"0.1.0""#
        )
        let lines = text.split(separator: "\n").dropLast()
        #expect(lines == String(decoding: recorded, as: UTF8.self).split(separator: "\n").dropLast())
        #expect(try read(bytes).1 == records)
    }
}
