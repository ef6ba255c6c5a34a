import ApusAgent
import ApusExecutor
import ApusModel
import Foundation
import Testing

struct JournalTests {
    private let records: [JournalRecord] = [
        .fence(Fence(epoch: 3, sequence: 1)),
        .stopTold(InstanceID("AI-1"), .scaledDown, at: WallTime(milliseconds: 5)),
        .container(
            InstanceID("AI-2"),
            ContainerID("c2"),
            [PortMapping(name: "main", containerPort: 80, hostPort: 30_000, type: .http)]
        ),
        .forgotten(InstanceID("line\nbreak \"quoted\" é")),
    ]

    /// Opens, runs and closes, as one life of an executor does.
    private func life<Value>(
        _ scratch: Scratch,
        _ body: (Journal, [JournalRecord], [Journal.Finding]) throws -> Value
    ) throws -> Value {
        let directory = try scratch.directory()
        let (journal, records, findings) = try Journal.open(in: directory)
        defer {
            journal.close()
            directory.close()
        }
        return try body(journal, records, findings)
    }

    @Test func `what was appended is read back in order`() throws {
        let scratch = try Scratch()
        try life(scratch) { journal, found, findings in
            #expect(found.isEmpty && findings.isEmpty)
            try journal.append([records[0]])
            try journal.append(Array(records[1...]))
        }
        try life(scratch) { journal, found, findings in
            #expect(found == records)
            #expect(findings.isEmpty)
            let bytes = try scratch.bytes()
            #expect(bytes.count == journal.length)
        }
    }

    @Test func `its file is for its owner alone`() throws {
        let scratch = try Scratch()
        try life(scratch) { journal, _, _ in try journal.append(records) }
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(scratch.path)/node/journal")
        #expect(attributes[.posixPermissions] as? Int == 0o600)
    }

    @Test func `a write torn at any byte costs only what was not durable`() throws {
        let scratch = try Scratch()
        var ends: [Int] = []
        try life(scratch) { journal, _, _ in
            ends.append(journal.length)
            for record in records {
                try journal.append([record])
                ends.append(journal.length)
            }
        }
        let whole = try scratch.bytes()
        for length in 0...whole.count {
            try scratch.put(whole.prefix(length))
            let survivors = ends.count { $0 <= length } - 1
            let added = JournalRecord.fence(Fence(epoch: 9, sequence: Int64(length)))
            try life(scratch) { journal, found, findings in
                #expect(found == Array(records.prefix(max(survivors, 0))), "cut at \(length)")
                let torn = length - (survivors >= 0 ? ends[survivors] : 0)
                #expect(findings == (torn > 0 ? [.unfinished(bytes: torn)] : []), "cut at \(length)")
                try journal.append([added])
            }
            try life(scratch) { _, found, findings in
                #expect(found == Array(records.prefix(max(survivors, 0))) + [added], "cut at \(length)")
                #expect(findings.isEmpty)
            }
        }
        #expect(try scratch.names == ["executor.lock", "journal"])
    }

    @Test func `garbage behind the last record is cut off`() throws {
        let scratch = try Scratch()
        try life(scratch) { journal, _, _ in try journal.append(records) }
        try scratch.put(try scratch.bytes() + [UInt8](repeating: 0, count: 4_096) + Array("\nabc\n\n".utf8))
        try life(scratch) { journal, found, findings in
            #expect(found == records)
            #expect(findings == [.unfinished(bytes: 4_096 + 6)])
        }
    }

    @Test func `a damaged line costs itself and the file is kept`() throws {
        let scratch = try Scratch()
        try life(scratch) { journal, _, _ in try journal.append(records) }
        for (number, position) in [(1, 3), (2, 60)] {
            var bytes = try scratch.bytes()
            // Line 1 is the header; the second round hits the first record.
            let header = try #require(bytes.firstIndex(of: UInt8(ascii: "\n")))
            let place = number == 1 ? position : header + position
            bytes[place] ^= 0x20
            try scratch.put(bytes)
            let kept = "\(scratch.path)/node/journal.damaged-\(number)"
            try life(scratch) { journal, found, findings in
                #expect(found == (number == 1 ? records : Array(records[1...])))
                #expect(findings == [.damaged(lines: [number], kept: kept)])
                try journal.append([.forgotten(InstanceID("AI-\(number)"))])
                try journal.rewrite(number == 1 ? records : [])
            }
            #expect(try scratch.bytes("journal.damaged-\(number)") == bytes)
            try life(scratch) { _, found, findings in
                #expect(findings.isEmpty)
                #expect(found == (number == 1 ? records : []))
            }
        }
    }

    @Test func `every single wrong byte is noticed`() throws {
        let scratch = try Scratch()
        try life(scratch) { journal, _, _ in try journal.append(records) }
        let sound = try scratch.bytes()
        for place in sound.indices {
            var bytes = sound
            bytes[place] ^= 0x01
            try scratch.put(bytes)
            try life(scratch) { _, found, findings in
                #expect(!findings.isEmpty, "byte \(place)")
                #expect(found.allSatisfy(records.contains), "byte \(place)")
            }
        }
    }

    @Test func `a rewrite replaces everything and the journal goes on`() throws {
        let scratch = try Scratch()
        try life(scratch) { journal, _, _ in
            for _ in 0..<100 { try journal.append(records) }
            let before = journal.length
            try journal.rewrite([records[0]])
            #expect(journal.length < before / 50)
            try journal.append([records[1]])
        }
        try life(scratch) { _, found, findings in
            #expect(found == [records[0], records[1]])
            #expect(findings.isEmpty)
        }
        #expect(try scratch.names == ["executor.lock", "journal"])
    }

    @Test func `a failed rewrite leaves the old journal`() throws {
        let scratch = try Scratch()
        // A directory in the place of the new file: it cannot be made, whoever runs this.
        let obstacle = "\(scratch.path)/node/journal.new"
        try life(scratch) { journal, _, _ in
            try journal.append([records[0]])
            try FileManager.default.createDirectory(atPath: obstacle, withIntermediateDirectories: true)
            #expect(throws: FileFailure.self) { try journal.rewrite([]) }
            try journal.append([records[1]])
        }
        try life(scratch) { _, found, _ in #expect(found == [records[0], records[1]]) }
    }

    @Test func `a write that was begun before a crash is no journal`() throws {
        let scratch = try Scratch()
        try life(scratch) { journal, _, _ in try journal.append(records) }
        try scratch.put(Array("half".utf8), in: "journal.new")
        try life(scratch) { journal, found, _ in
            #expect(found == records)
            try journal.rewrite([records[2]])
        }
        try life(scratch) { _, found, _ in #expect(found == [records[2]]) }
    }

    @Test func `a closed journal takes nothing`() throws {
        let scratch = try Scratch()
        try life(scratch) { journal, _, _ in
            journal.close()
            let failure = #expect(throws: FileFailure.self) { try journal.append(records) }
            #expect(failure?.path.hasSuffix("/journal") == true)
        }
    }

    @Test func `another version's journal is refused and left alone`() throws {
        let scratch = try Scratch()
        try life(scratch) { journal, _, _ in try journal.append(records) }
        let text = #"{"kind":"NEWS","schema":2}"#
        let line = String(checksum(Array(text.utf8)), radix: 16)
        let bytes =
            try scratch.bytes() + Array("\(String(repeating: "0", count: 8 - line.count))\(line) \(text)\n".utf8)
        try scratch.put(bytes)
        let error = #expect(throws: ExecutorError.self) { try life(scratch) { _, _, _ in } }
        #expect(error?.description.contains("line 6") == true)
        #expect(try scratch.bytes() == bytes)
    }

    /// CRC-32 bit by bit, to compare with.
    private func checksum(_ bytes: [UInt8]) -> UInt32 {
        var sum = UInt32.max
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? 0xEDB8_8320 ^ (sum >> 1) : sum >> 1 }
        }
        return ~sum
    }
}
