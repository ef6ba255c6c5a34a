package import ApusEngine
import ApusModel
import Crypto

/// What is wrong with an export, for people, with the line if it is in one.
package struct ExportFault: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String

    package init(description: String) { self.description = description }
}

/// Reads the text of an export in pieces, as they come; holds no more than a line.
package struct ExportReading {
    /// The largest record takes a third of it.
    private static let longestLine = 1 << 20
    private static let newline = UInt8(ascii: "\n")
    private static let noExport = "it is no export that can be read here"

    /// `nil` until the first line was read.
    package private(set) var header: ExportHeader?
    /// How many records were read.
    package private(set) var records = 0
    private var unread: [UInt8] = []
    private var line = 0
    private var sum = SHA256()
    private var isWhole = false

    /// Begins with nothing read.
    package init() {}

    /// Takes the next piece.
    ///
    /// - Returns: the records whose lines end in it. They are not to be used before `end`, which says whether all is sound.
    package mutating func take(_ piece: some Collection<UInt8>) throws(ExportFault) -> [Record] {
        unread += piece
        var records: [Record] = []
        var start = unread.startIndex
        while let end = unread[start...].firstIndex(of: Self.newline) {
            if let record = try read(unread[start...end]) { records.append(record) }
            start = end + 1
        }
        unread.removeFirst(start)
        guard unread.count <= Self.longestLine else {
            throw ExportFault(description: "line \(line + 1) is longer than any of an export")
        }
        return records
    }

    /// Nothing more comes.
    ///
    /// - Returns: the header, once it is sure that the export came whole and unchanged.
    package func end() throws(ExportFault) -> ExportHeader {
        guard let header else { throw ExportFault(description: "\(Self.noExport): its first line is missing") }
        guard isWhole, unread.isEmpty else {
            throw ExportFault(
                description: isWhole
                    ? "something follows its last line"
                    : "it ends within line \(line + 1): it was not written, or not copied, to its end"
            )
        }
        return header
    }

    /// Reads one line, with its end.
    ///
    /// - Returns: the record in it; `nil` of the first and the last line.
    private mutating func read(_ bytes: ArraySlice<UInt8>) throws(ExportFault) -> Record? {
        line += 1
        guard !isWhole else { throw ExportFault(description: "something follows its last line") }
        do throws(JSONError) {
            let json = try JSON(parsing: bytes)
            guard let header else {
                header = try ExportHeader(json: json)
                sum.update(data: bytes)
                return nil
            }
            guard json["sha256"] == nil else {
                try checkEnd(json)
                isWhole = true
                return nil
            }
            let record = try record(json, writtenBy: header.version)
            sum.update(data: bytes)
            records += 1
            return record
        } catch {
            throw ExportFault(description: line == 1 ? "\(Self.noExport): \(error)" : "line \(line): \(error)")
        }
    }

    private func checkEnd(_ json: JSON) throws(JSONError) {
        let told = try json.integer("records")
        guard told == Int64(records) else {
            throw JSONError("there should be \(told) records, and there are \(records)")
        }
        guard try json.string("sha256") == ExportText.text(of: sum) else {
            throw JSONError("the checksum of what stands before is another one: something was changed or damaged")
        }
    }

    private func record(_ json: JSON, writtenBy version: String) throws(JSONError) -> Record {
        let (name, id) = (try json.string("kind"), try json.string("id"))
        guard let kind = RecordKind(rawValue: name) else {
            throw JSONError(
                "the kind of the record \(name) \(id) is not known to apus \(ApusVersion.text): import it with "
                    + "apus \(version), which wrote it"
            )
        }
        guard !id.isEmpty else { throw JSONError("the record's id is empty") }
        guard let bytes = Base64.decoded(try json.string("bytes")) else {
            throw JSONError("what \(name) \(id) holds is no base64")
        }
        guard bytes.count <= Record.maximumBytes else {
            throw JSONError("\(name) \(id) has \(bytes.count) bytes, a store takes at most \(Record.maximumBytes)")
        }
        return Record(key: RecordKey(kind, id), bytes: bytes)
    }
}
