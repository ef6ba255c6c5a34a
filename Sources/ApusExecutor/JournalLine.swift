package import ApusAgent
package import ApusModel

/// One line of the journal: eight digits of a checksum, a space, the text, a newline.
package enum JournalLine {
    /// The first line; its schema is that of all records after it.
    static let header = line(
        JSON.members(["journal": "apus-executor", "schema": .integer(JournalRecord.schema)]).bytes
    )

    package static func line(_ record: JournalRecord) -> [UInt8] { line(record.json.bytes) }

    private static func line(_ text: [UInt8]) -> [UInt8] {
        let sum = String(checksum(text[...]), radix: 16)
        return Array(String(repeating: "0", count: 8 - sum.count).utf8) + Array(sum.utf8) + [UInt8(ascii: " ")] + text
            + [UInt8(ascii: "\n")]
    }

    /// The JSON of a line without its newline; `nil` if the line is damaged.
    static func text(of line: ArraySlice<UInt8>) -> JSON? {
        guard line.count > 9, line[line.startIndex + 8] == UInt8(ascii: " ") else { return nil }
        let text = line[(line.startIndex + 9)...]
        guard UInt32(String(decoding: line.prefix(8), as: UTF8.self), radix: 16) == checksum(text) else { return nil }
        do {
            return try JSON(parsing: text)
        } catch {
            // With a sound checksum this is what was written, so it was no text of ours.
            return nil
        }
    }

    /// CRC-32 (IEEE 802.3): every burst of up to 32 wrong bits is found.
    static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        var sum = UInt32.max
        for byte in bytes { sum = table[Int(UInt8(truncatingIfNeeded: sum) ^ byte)] ^ (sum >> 8) }
        return ~sum
    }

    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1 }
    }
}

/// What the bytes of a journal hold.
package struct JournalReading {
    package var records: [JournalRecord] = []
    /// The numbers (from 1) of lines that cannot be read though a sound one follows.
    var damagedLines: [Int] = []
    /// Bytes up to the end of the last sound line; what follows is an unfinished write.
    package var soundBytes = 0

    /// - Throws: `JSONError` if a line is sound and yet not of this version.
    package init(_ bytes: [UInt8]) throws(JSONError) {
        var start = 0
        var number = 0
        var doubtful: [Int] = []
        while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
            number += 1
            if let json = JournalLine.text(of: bytes[start..<end]) {
                try take(json, number)
                damagedLines += doubtful
                doubtful = []
                soundBytes = end + 1
            } else {
                doubtful.append(number)
            }
            start = end + 1
        }
    }

    private mutating func take(_ json: JSON, _ number: Int) throws(JSONError) {
        do {
            if json["journal"] == nil {
                records.append(try JournalRecord(json: json))
            } else {
                let schema = try json.integer("schema")
                guard schema <= JournalRecord.schema else { throw JSONError("its schema is \(schema)") }
            }
        } catch {
            throw JSONError("line \(number): \(error)")
        }
    }
}
