import Dispatch
import Foundation
import Glibc
import Synchronization
import Testing

/// One real `apus` process, or another program's, with a log of its own.
final class ApusProcess: Sendable {
    let log: String
    private let binary: String
    private let arguments: [String]
    private let life = Mutex<ProcessLife?>(nil)

    init(_ arguments: [String], log: String, program: String? = nil) throws {
        binary = try program ?? needed("APUS_TEST_BINARY")
        self.arguments = arguments
        self.log = log
    }

    /// `changed` takes the place of the arguments that it was made with, and `program` that of its program, for this start.
    func start(
        _ changed: [String]? = nil,
        program: String? = nil,
        environment: [String: String] = [:]
    ) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program ?? binary)
        process.arguments = Self.withoutNumbers(changed ?? arguments)
        process.environment = Self.inherited().merging(environment) { $1 }
        if !FileManager.default.fileExists(atPath: log) {
            try check(FileManager.default.createFile(atPath: log, contents: nil), "cannot write \(log)")
        }
        let output = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
        try output.seekToEnd()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        let begun = try ProcessLife(process)
        life.withLock { $0 = begun }
    }

    /// This machine's own settings of the roles are no test's.
    private static func inherited() -> [String: String] {
        let roles = ["APUS_CONTROLLER", "APUS_EXECUTOR", "APUS_NODE"]
        let others = ProcessInfo.processInfo.environment.filter { variable in
            !roles.contains { variable.key.hasPrefix("\($0)_") }
        }
        return others.merging(roles.map { ("\($0)_CONFIG", "none") }) { $1 }
    }

    /// Most tests ask for no numbers, and a port that nobody chose may be another's.
    private static func withoutNumbers(_ arguments: [String]) -> [String] {
        let isNode = ["controller", "dev", "executor", "node"].contains(arguments.first ?? "")
        guard isNode, !arguments.contains("--admin-address") else { return arguments }
        return arguments + ["--admin-address", "none"]
    }

    var pid: Int32? { life.withLock(\.self)?.pid }
    var isRunning: Bool { life.withLock(\.self)?.isRunning ?? false }
    var said: String { FileManager.default.contents(atPath: log).map { String(decoding: $0, as: UTF8.self) } ?? "" }
    var logTail: String { said.split(separator: "\n").suffix(30).joined(separator: "\n") }

    /// `kill -9`, and its end awaited.
    func kill9() async {
        life.withLock(\.self)?.signal(SIGKILL)
        _ = await end()
    }

    /// SIGTERM; its exit code.
    func terminate() async -> Int32 {
        life.withLock(\.self)?.signal(SIGTERM)
        return await end()
    }

    /// Waits for an end that comes by itself; its exit code.
    ///
    /// After that time it is killed, and the code is 9.
    func end(within seconds: Int = 60) async -> Int32 {
        guard let ending = life.withLock({ $0 }) else { return -1 }
        let code = await ending.end(within: seconds)
        life.withLock { $0 = nil }
        return code
    }
}

/// A started process and its end, for which no thread waits.
final class ProcessLife: Sendable {
    private struct State {
        var code: Int32?
        var waiting: [CheckedContinuation<Int32, Never>] = []
    }

    let pid: Int32
    private let state: SharedState

    private final class SharedState: Sendable {
        let mutex = Mutex(State())
    }

    init(_ process: Process) throws {
        let state = SharedState()
        process.terminationHandler = { process in
            let code = process.terminationStatus
            let waiting = state.mutex.withLock { state in
                state.code = code
                defer { state.waiting = [] }
                return state.waiting
            }
            for one in waiting { one.resume(returning: code) }
        }
        try process.run()
        self.state = state
        pid = process.processIdentifier
    }

    var isRunning: Bool { state.mutex.withLock { $0.code == nil } }

    func signal(_ number: Int32) {
        if isRunning { kill(pid, number) }
    }

    /// Its exit code, or the signal's number; one that does not end in time is killed.
    func end(within seconds: Int) async -> Int32 {
        DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(seconds)) { [self] in signal(SIGKILL) }
        return await withCheckedContinuation { next in
            let code = state.mutex.withLock { state in
                if state.code == nil { state.waiting.append(next) }
                return state.code
            }
            if let code { next.resume(returning: code) }
        }
    }
}

func needed(_ name: String) throws -> String {
    try #require(
        ProcessInfo.processInfo.environment[name],
        "\(name) is not set; scripts/test starts what this test needs and sets it"
    )
}
