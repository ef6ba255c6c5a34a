import ApusModel
import Foundation

/// What there is of valid and of hostile texts in the folder of the tests.
struct Corpus: Sendable {
    /// Each object of JSON that stands in a golden file, also in others.
    let objects: [[UInt8]]
    /// Journals of executors.
    let journals: [String]
    /// The lines of hostile requests.
    let hostile: [String]
    /// Those of them that are for the API: method and target, a line for each field, an empty one, and the body.
    let requests: [String]

    private static let longest = 16 << 10

    /// - Throws: `CorpusError` if the folder has nothing of it.
    init(_ tests: String) throws {
        var (objects, journals): (Set<[UInt8]>, [String]) = ([], [])
        let golden = "\(tests)/Golden"
        for name in FileManager.default.enumerator(atPath: golden)?.compactMap({ $0 as? String }).sorted() ?? [] {
            guard let data = FileManager.default.contents(atPath: "\(golden)/\(name)") else { continue }
            // What commands print is for people and scripts; nothing of Apus reads it.
            if name.hasSuffix(".json"), !name.contains("/cli/") { Self.collect(try JSON(parsing: data), &objects) }
            guard name.hasSuffix("/journal") else { continue }
            let text = String(decoding: data, as: UTF8.self)
            journals.append(text)
            // Behind the checksum.
            for line in text.split(separator: "\n") {
                Self.collect(try JSON(parsing: String(line.dropFirst(9))), &objects)
            }
        }
        guard !objects.isEmpty, let corpus = FileManager.default.contents(atPath: "\(tests)/Hostile/hostile.txt") else {
            throw CorpusError(description: "\(tests) has no Golden and no Hostile: run it where the repository is")
        }
        // In an order that does not change, or an input would not follow from its number.
        self.objects = objects.sorted { $0.lexicographicallyPrecedes($1) }
        self.journals = journals
        hostile = String(decoding: corpus, as: UTF8.self).split(separator: "\n").map(String.init)
        requests = Self.requests(of: hostile)
    }

    /// With what their names stand for; repetitions, and names that only a running cluster knows, stay as they are.
    private static func requests(of lines: [String]) -> [String] {
        var (names, requests): ([String: String], [String]) = ([:], [])
        for line in lines {
            let words = line.split(separator: " ", maxSplits: 2)
            guard words.count == 3 else { continue }
            let rest = names.reduce(String(words[2])) { $0.replacing("⟨\($1.key)⟩", with: $1.value) }
            if words[0] == "set" { names[String(words[1])] = rest }
            guard ["api", "api*"].contains(words[0]), !["raw", "unfinished"].contains(words[1]) else { continue }
            requests.append(request(words[1], rest[...]))
        }
        return requests
    }

    private static func request(_ method: Substring, _ text: Substring) -> String {
        let target = text.prefix { $0 != " " }
        var (fields, rest) = ("", text[target.endIndex...].drop { $0 == " " })
        while rest.hasPrefix("<"), let end = rest.firstIndex(of: ">") {
            fields += "\(rest[..<end].dropFirst())\n"
            rest = rest[end...].dropFirst().drop { $0 == " " }
        }
        return "\(method) \(target)\n\(fields)\n\(rest)"
    }

    private static func collect(_ json: JSON, _ objects: inout Set<[UInt8]>) {
        switch json {
        case .object(let members):
            let bytes = json.bytes
            if bytes.count <= longest { objects.insert(bytes) }
            for member in members { collect(member.value, &objects) }
        case .array(let elements):
            for element in elements { collect(element, &objects) }
        case .null, .bool, .integer, .number, .string: break
        }
    }
}

/// Why nothing can be fuzzed.
struct CorpusError: Error, CustomStringConvertible {
    let description: String
}
