import ApusModel
import ApusTestKit
import Foundation
import Synchronization
import Testing

/// The `drove` command of PyPI as it is, with a home of its own, and what it was asked to do.
///
/// It ends with 0 whether what was asked is done or not, unless it does not understand its arguments.
final class DroveClient: Sendable {
    /// One way to call it.
    struct Command {
        /// `apps scale`, say; empty for the program itself.
        var words: [String]
        /// In their long forms.
        var options: [String]

        var name: String { words.joined(separator: " ") }
    }

    private struct Run {
        /// Those of the program itself, before its command.
        var options: [String]
        var words: [String]
    }

    /// Its home too.
    var folder: String { scratch.path }
    private let scratch: TemporaryFolder
    let endpoint: String
    private let programs: String
    private let runs = Mutex<[Run]>([])

    init(endpoint: String = "http://127.0.0.1:1") throws {
        self.endpoint = endpoint
        programs = try PythonPackage.drove.get()
        scratch = try TemporaryFolder()
    }

    func close() { scratch.remove() }

    /// Writes a file of that name.
    ///
    /// - Returns: its path.
    func file(_ name: String, _ text: String) throws -> String {
        let path = "\(folder)/\(name)"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    func file(_ name: String, _ spec: JSON) throws -> String { try file(name, spec.serialized) }

    // MARK: running it

    /// The cluster and who asks it.
    var access: [String] {
        ["--endpoint", endpoint, "--username", UsersFile.name, "--password", UsersFile.password]
    }

    /// What it says, asked with the words of a line and then with words that may hold spaces.
    func run(_ line: String, _ words: [String] = [], with options: [String]? = nil) async throws -> String {
        let process = try begin(line, words, options)
        let code = await process.end()
        #expect(code == 0, "drove \(line): \(process.said)")
        return process.said
    }

    /// What it says contains all these texts.
    func expect(
        _ texts: String...,
        from line: String,
        _ words: [String] = [],
        with options: [String]? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let output = try await run(line, words, with: options)
        for text in texts {
            #expect(output.contains(text), "drove \(line): \(output)", sourceLocation: sourceLocation)
        }
    }

    /// The cells of the line that begins so, in the table that it prints.
    func row(_ beginning: String, of line: String) async throws -> [String] {
        let output = try await run(line)
        let row = output.split(separator: "\n").first { $0.hasPrefix("\(beginning) ") }
        return try #require(row, "drove \(line): \(output)").split(whereSeparator: \.isWhitespace).map(String.init)
    }

    /// What it prints, read as JSON.
    func json(_ line: String) async throws -> JSON {
        let output = try await run(line)
        do {
            return try JSON(parsing: output)
        } catch {
            throw Unfulfilled("drove \(line) prints no JSON: \(error): \(output)")
        }
    }

    /// Runs a command that goes on until somebody ends it, until `body` is done.
    ///
    /// - Returns: what it said.
    func follow(_ line: String, while body: (ApusProcess) async throws -> Void) async throws -> String {
        let process = try begin(line, [], nil)
        do {
            try await body(process)
        } catch {
            await process.kill9()
            throw Unfulfilled("drove \(line): \(error): \(process.said)")
        }
        _ = await process.terminate()
        return process.said
    }

    private func begin(_ line: String, _ words: [String], _ options: [String]?) throws -> ApusProcess {
        let run = Run(options: options ?? access, words: line.split(separator: " ").map(String.init) + words)
        runs.withLock { $0.append(run) }
        return try start("drove", run.options + run.words)
    }

    private func start(_ program: String, _ arguments: [String]) throws -> ApusProcess {
        let log = "\(folder)/\(UUID().uuidString).log"
        let process = try ApusProcess(arguments, log: log, program: "\(programs)/\(program)")
        // Wide enough for every line, and each line told at once.
        try process.start(environment: ["HOME": folder, "PYTHONUNBUFFERED": "1", "COLUMNS": "200"])
        return process
    }

    // MARK: what it can do

    private static let catalogue = """
        import argparse, drove
        def walk(parser, path):
            groups = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
            if not groups or not path:
                options = [max(a.option_strings, key=len) for a in parser._actions if a.option_strings and a.dest != "help"]
                print("\\t".join([" ".join(path)] + options))
            for group in groups:
                for name, part in group.choices.items():
                    walk(part, path + [name])
        walk(drove.get_parser(), [])
        """

    /// All its commands, and first the program itself, as its own parser knows them.
    func commands() async throws -> [Command] {
        let process = try start("python", ["-c", Self.catalogue])
        let code = await process.end()
        try #require(code == 0, "\(process.said)")
        return process.said.split(separator: "\n").map { line in
            let cells = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            return Command(words: cells[0].split(separator: " ").map(String.init), options: Array(cells.dropFirst()))
        }
    }

    /// Which commands of these groups were not run, and which of their options.
    func untried(of groups: [String]) async throws -> [String] {
        let runs = runs.withLock(\.self)
        return try await commands().filter { groups.contains($0.words.first ?? "") }.flatMap { command in
            let own = runs.filter { $0.words.starts(with: command.words) }
            guard !own.isEmpty else { return [command.name] }
            let given = Set(own.flatMap { command.words.isEmpty ? $0.options : $0.words })
            return command.options.filter { !given.contains($0) }.map { "\(command.name) \($0)" }
        }
    }
}

extension JSON {
    /// The object with these members in place of its own of the same names.
    func with(_ changed: KeyValuePairs<String, JSON>) -> JSON {
        guard case .object(let members) = self else { return self }
        let names = Set(changed.map(\.key))
        return .object(members.filter { !names.contains($0.key) } + changed.map { Member($0.key, $0.value) })
    }
}
