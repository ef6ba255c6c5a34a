import CZlib
import Foundation
import Testing

/// The log files of one instance, read as other tools read them.
struct LogTexts {
    let folder: String

    /// The files' texts, the oldest first; none where there is no folder yet.
    var all: [String] {
        get throws {
            let end = ContinuousClock.now + .seconds(10)
            while true {
                do {
                    return try names.map(text)
                } catch let error as CocoaError where error.code == .fileReadNoSuchFile && ContinuousClock.now < end {
                    // It was renamed or compressed just now.
                    continue
                }
            }
        }
    }

    private var names: [String] {
        get throws {
            guard FileManager.default.fileExists(atPath: folder) else { return [] }
            let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasPrefix("output.") }
            func number(_ name: String) -> Int { Int(name.dropFirst("output.log.".count).prefix { $0 != "." }) ?? 0 }
            // While a file is put in the place of another there are both.
            return names.filter { !$0.hasSuffix(".gz") || !names.contains(String($0.dropLast(3))) }
                .sorted { number($0) > number($1) }
        }
    }

    /// Its text, compressed or not.
    func text(of name: String) throws -> String {
        // In this process: it is looked at again and again, and nothing else may wait for a program's end meanwhile.
        guard let file = gzopen("\(folder)/\(name)", "rb") else { throw CocoaError(.fileReadNoSuchFile) }
        defer { gzclose_r(file) }
        var text: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = gzread(file, &block, UInt32(block.count))
            // What is damaged is read as far as it goes.
            guard count > 0 else { return String(decoding: text, as: UTF8.self) }
            text += block.prefix(Int(count))
        }
    }
}
