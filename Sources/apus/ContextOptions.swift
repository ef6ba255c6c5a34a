import ApusClient
import ArgumentParser

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A context that a user names.
struct ContextArgument: ParsableArguments {
    @Argument(
        help: ArgumentHelp("A context's name.", valueName: "name"),
        completion: ContextOptions.completion
    )
    var name: String
}

/// Where contexts are kept.
struct ContextOptions: ParsableArguments {
    @Option(
        name: .customLong("drove-config"),
        help: ArgumentHelp("The file of contexts. Default: $DROVE_CONFIG, or ~/.drove.", valueName: "file"),
        completion: .file()
    )
    var given: String?

    /// The contexts of the standard file, and none if it cannot be read.
    static var completion: CompletionKind {
        .custom { _, _, prefix in names.filter { $0.hasPrefix(prefix) } }
    }

    private static var names: [String] {
        do {
            return try ContextOptions.parse([]).read().contexts.map(\.name)
        } catch {
            return []
        }
    }

    func path() throws -> String {
        let environment = ProcessInfo.processInfo.environment
        if let path = given ?? environment["DROVE_CONFIG"], !path.isEmpty { return path }
        guard let home = environment["HOME"], !home.isEmpty else {
            throw CommandFailure(.other, "HOME is not set: name the file with --drove-config")
        }
        return "\(home)/.drove"
    }

    /// A file that is not there holds no contexts.
    ///
    /// - Throws: `CommandFailure` that says what is wrong with it.
    func read() throws -> ContextFile {
        do {
            return try ContextFile(at: try path())
        } catch let fault as ContextFault {
            throw CommandFailure(.other, "\(fault)")
        }
    }

    /// Changes the file, whole or not at all.
    ///
    /// - Throws: `CommandFailure` if the change is refused, or the file cannot be written.
    func change(_ body: (inout ContextFile) throws(ContextFault) -> Void) throws {
        var contexts = try read()
        do throws(ContextFault) {
            try body(&contexts)
        } catch {
            throw CommandFailure(.conflict, "\(try path()): \(error)")
        }
        do {
            try contexts.save(to: try path())
        } catch let fault as ContextFault {
            throw CommandFailure(.other, "\(fault)")
        }
    }

    /// Of a file, or of standard input for `-`; what is asked for is a `secret`, as "password".
    ///
    /// - Throws: `CommandFailure` if it cannot be read, or is empty.
    static func firstLine(of path: String, for secret: String) throws -> String {
        let line = path == "-" ? Terminal.secretLine("The \(secret):") : try firstLine(ofFile: path)
        guard !line.isEmpty else {
            throw CommandFailure(.other, "\(path == "-" ? "standard input" : path) must hold one line, the \(secret)")
        }
        return line
    }

    private static func firstLine(ofFile path: String) throws -> String {
        do {
            let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
            return text.split(maxSplits: 1, whereSeparator: \.isNewline).first.map(String.init) ?? ""
        } catch {
            throw CommandFailure(.other, "\(path) cannot be read. Does it exist, and may you read it?")
        }
    }
}
