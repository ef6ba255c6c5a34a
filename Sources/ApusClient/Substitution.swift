/// What stands for something else in the values of a configuration file: `${env:NAME}`, `${file:/path}` and `${host}`.
///
/// Each may have a default for when there is nothing: `${env:NAME:-other}`. A dollar sign is written `$$`.
package struct Substitution: Sendable {
    /// Gives what a file holds; `nil` if there is no such file.
    package typealias FileReader = @Sendable (_ path: String) throws -> [UInt8]?

    /// The most that is taken out of a file, in bytes.
    package static let longestFile = 4_096

    private let environment: [String: String]
    private let host: String?
    private let file: FileReader

    /// `host` is what this machine calls itself; `nil` if it does not tell.
    package init(environment: [String: String], host: String?, file: @escaping FileReader) {
        (self.environment, self.host, self.file) = (environment, host, file)
    }

    /// A value with all that it stands for.
    ///
    /// - Throws: `SettingFault` if something stands for nothing, or a dollar sign stands alone.
    package func text(_ written: String) throws(SettingFault) -> SettingText {
        var (text, rest) = (SettingText(), Substring(written))
        while let dollar = rest.firstIndex(of: "$") {
            text.append(rest[..<dollar])
            rest = rest[dollar...].dropFirst()
            if rest.hasPrefix("$") {
                text.append("$")
                rest.removeFirst()
            } else if rest.hasPrefix("{"), let end = rest.firstIndex(of: "}") {
                try append(rest[..<end].dropFirst(), to: &text)
                rest = rest[end...].dropFirst()
            } else {
                throw SettingFault("a dollar sign is written $$; what stands for something else is ${…}")
            }
        }
        text.append(rest)
        return text
    }

    private func append(_ expression: Substring, to text: inout SettingText) throws(SettingFault) {
        text.isSubstituted = true
        let mark = expression.firstRange(of: ":-")
        let subject = mark.map { expression[..<$0.lowerBound] } ?? expression
        let standard = mark.map { expression[$0.upperBound...] }
        // It would end at the first brace, and the rest be taken for text.
        guard standard?.contains("${") != true else {
            throw SettingFault("the default of ${\(subject)} is taken as it is written, so it may hold no ${")
        }
        if subject == "host" {
            guard let host = host ?? standard.map(String.init) else {
                throw SettingFault("this machine does not tell its name: write ${host:-name}, or the name itself")
            }
            text.append(host)
        } else if subject.hasPrefix("env:") {
            text.append(try variable(String(subject.dropFirst(4)), standard))
        } else if subject.hasPrefix("file:") {
            let path = String(subject.dropFirst(5))
            if let content = try content(of: path, isNeeded: standard == nil) {
                text.append(content: content, written: "${file:\(path)}")
            } else {
                text.append(standard ?? "")
            }
        } else {
            throw SettingFault("${\(subject)} stands for nothing: there are ${env:NAME}, ${file:/path} and ${host}")
        }
    }

    private func variable(_ name: String, _ standard: Substring?) throws(SettingFault) -> String {
        if let value = environment[name], !value.isEmpty { return value }
        guard let standard else {
            throw SettingFault("the environment has no \(name): set it, or write ${env:\(name):-default}")
        }
        return String(standard)
    }

    /// Without white space at its ends; `nil` if there is no such file, or nothing in it.
    private func content(of path: String, isNeeded: Bool) throws(SettingFault) -> String? {
        guard path.hasPrefix("/") else { throw SettingFault("${file:\(path)} must name a path that begins with /") }
        let bytes: [UInt8]?
        do {
            bytes = try file(path)
        } catch {
            throw SettingFault("\(error)")
        }
        guard (bytes ?? []).count <= Self.longestFile else {
            throw SettingFault("\(path) is longer than \(Self.longestFile) bytes")
        }
        guard let text = String(validating: bytes ?? [], as: UTF8.self) else {
            throw SettingFault("\(path) is no text in UTF-8")
        }
        let trimmed = text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed()
        guard trimmed.isEmpty else { return String(trimmed) }
        guard isNeeded else { return nil }
        throw SettingFault(
            "\(path) \(bytes == nil ? "is not there" : "is empty"): write it, or ${file:\(path):-default}"
        )
    }
}
