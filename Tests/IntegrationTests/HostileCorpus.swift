import ApusModel
import Foundation

/// Hostile and broken requests, as `Tests/Hostile/hostile.txt` lists them; its head says how a line is read.
struct HostileCorpus {
    enum Listener: String {
        case api, node
    }

    /// One line.
    struct Entry {
        var number: Int
        var text: String
        var to: Listener
        /// The bytes of each connection it makes.
        var messages: [[UInt8]]
        /// It leaves a request unfinished: the connection may stay open.
        var isUnfinished = false
    }

    struct Fault: Error, CustomStringConvertible {
        var description: String
    }

    private(set) var entries: [Entry] = []
    private var names: [String: String]

    static var path: String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Hostile/hostile.txt").path
    }

    /// Reads the corpus with what the names stand for that only the running cluster knows.
    init(names: [String: String]) throws {
        self.names = names
        let lines = try String(contentsOfFile: Self.path, encoding: .utf8)
            .split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() where !line.isEmpty && !line.hasPrefix("#") {
            do {
                try read(line, number: index + 1)
            } catch let fault as Fault {
                throw Fault(description: "line \(index + 1): \(fault)")
            }
        }
    }

    private mutating func read(_ line: Substring, number: Int) throws {
        var words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard words.count == 3 else { throw Fault(description: "three words and more make a line") }
        if words[0] == "set" {
            names[String(words[1])] = try named(words[2])
            return
        }
        let varied = words[0].hasSuffix("*")
        if varied { words[0].removeLast() }
        guard let to = Listener(rawValue: String(words[0])) else { throw Fault(description: "\(words[0])?") }
        var entry = Entry(number: number, text: String(line.prefix(160)), to: to, messages: [])
        switch words[1] {
        case "raw":
            entry.messages = [try bytes(words[2])]
        case "unfinished":
            entry.messages = [try bytes(words[2])]
            entry.isUnfinished = true
        default:
            entry.messages = try http(method: words[1], rest: words[2], varied: varied)
        }
        entries.append(entry)
    }

    // MARK: HTTP

    private func http(method: Substring, rest: Substring, varied: Bool) throws -> [[UInt8]] {
        var parts = rest.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        let target = try bytes(parts[0])
        var headers: [UInt8] = []
        while parts.count > 1, parts[1].hasPrefix("<"), let end = parts[1].firstIndex(of: ">") {
            headers += try bytes(parts[1][..<end].dropFirst()) + Self.lineEnd
            let after = parts[1][end...].dropFirst()
            parts[1] = after.hasPrefix(" ") ? after.dropFirst() : after
        }
        let body = parts.count > 1 ? try bytes(parts[1]) : []
        let bodies = varied ? [body] + (try Self.variants(of: body)) : [body]
        return bodies.map { body in
            var message = Array(method.utf8) + [0x20] + target + Array(" HTTP/1.1".utf8) + Self.lineEnd
            message += Array("Host: localhost".utf8) + Self.lineEnd + Array("Connection: close".utf8) + Self.lineEnd
            if !body.isEmpty {
                if headers.isEmpty { message += Array("Content-Type: application/json".utf8) + Self.lineEnd }
                message += Array("Content-Length: \(body.count)".utf8) + Self.lineEnd
            }
            return message + headers + Self.lineEnd + body
        }
    }

    private static let lineEnd: [UInt8] = [0x0D, 0x0A]

    // MARK: variants

    /// What no field expects, whatever its type.
    private static let misfits: [JSON] = [
        .null, true, -1, .integer(.max), .integer(.min), .number(1e300), "", "\u{0}/../\u{202E}", .array([]),
        .object([]), [["x": [.null]]],
    ]

    /// The body with every value in it, at any depth, replaced by every misfit in turn.
    private static func variants(of body: [UInt8]) throws -> [[UInt8]] {
        let json: JSON
        do {
            json = try JSON(parsing: body)
        } catch {
            throw Fault(description: "only a JSON body can be varied: \(error)")
        }
        return variants(of: json).map(\.bytes)
    }

    private static func variants(of json: JSON) -> [JSON] {
        var all = misfits
        switch json {
        case .object(let members):
            for (index, member) in members.enumerated() {
                for value in variants(of: member.value) {
                    var changed = members
                    changed[index].value = value
                    all.append(.object(changed))
                }
            }
        case .array(let elements):
            // One of a kind is enough.
            if let first = elements.first {
                all += variants(of: first).map { .array([$0] + elements.dropFirst()) }
            }
        case .null, .bool, .integer, .number, .string: break
        }
        return all
    }

    // MARK: the notation

    /// With every `⟨name⟩` replaced.
    private func named(_ text: Substring) throws -> String {
        var result = ""
        var rest = text
        while let start = rest.firstIndex(of: "⟨"), let end = rest[start...].firstIndex(of: "⟩") {
            let name = String(rest[start..<end].dropFirst())
            guard let value = names[name] else { throw Fault(description: "⟨\(name)⟩ stands for nothing") }
            result += rest[..<start] + value
            rest = rest[end...].dropFirst()
        }
        return result + rest
    }

    private func bytes(_ text: Substring) throws -> [UInt8] { try Self.plain(Substring(try named(text))) }

    /// With `⏎`, `‹hex›` and `⟦text⟧×count` (`№` in it counts) replaced by what they stand for.
    private static func plain(_ text: Substring) throws -> [UInt8] {
        var result: [UInt8] = []
        var rest = text
        while let character = rest.popFirst() {
            switch character {
            case "⏎": result += lineEnd
            case "‹":
                let digits = Array(rest.prefix { $0 != "›" })
                rest = rest.dropFirst(digits.count + 1)
                for start in stride(from: 0, to: digits.count - 1, by: 2) {
                    guard let byte = UInt8(String(digits[start...start + 1]), radix: 16) else {
                        throw Fault(description: "‹\(String(digits))› is not hexadecimal")
                    }
                    result.append(byte)
                }
            case "⟦":
                let repeated = rest.prefix { $0 != "⟧" }
                rest = rest.drop { $0 != "⟧" }.dropFirst(2)
                let digits = rest.prefix { $0.isASCII && $0.isNumber }
                rest = rest.dropFirst(digits.count)
                guard let count = Int(digits) else { throw Fault(description: "⟧ needs × and a number after it") }
                result.reserveCapacity(result.count + repeated.utf8.count * count)
                let once = repeated.contains("№") ? nil : try plain(repeated)
                for number in 1...count {
                    result += try once ?? plain(Substring(repeated.replacing("№", with: "\(number)")))
                }
            default: result += Array(String(character).utf8)
            }
        }
        return result
    }
}
