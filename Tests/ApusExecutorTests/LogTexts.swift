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

    func text(of name: String) throws -> String {
        let path = "\(folder)/\(name)"
        let bytes = try Data(contentsOf: URL(filePath: path))
        guard name.hasSuffix(".gz") else { return String(decoding: bytes, as: UTF8.self) }
        let (process, pipe) = (Process(), Pipe())
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["gzip", "-dc", path]
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let text = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return String(decoding: text, as: UTF8.self)
    }
}
