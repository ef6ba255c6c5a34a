import ApusStore
import Foundation
import Testing

@Suite struct StateDirectoryTests {
    @Test func `a second start on the same directory is refused with its path and process`() throws {
        let place = try TemporaryDirectory()
        let first = try StateDirectory(at: place.path)
        let error = try #require(throws: StoreError.self) { try StateDirectory(at: place.path) }
        #expect(error == .locked(path: place.path, pid: getpid()))
        #expect(error.description.contains(place.path))
        #expect(error.description.contains("process \(getpid())"))
        first.close()
        try StateDirectory(at: place.path).close()
    }

    @Test func `another process finds the directory locked, and free once it is given back`() throws {
        let place = try TemporaryDirectory()
        let directory = try StateDirectory(at: place.path)
        #expect(try tryLock(place.path) == 1)
        directory.close()
        #expect(try tryLock(place.path) == 0)
    }

    @Test func `a directory that is held by another process is refused`() throws {
        let place = try TemporaryDirectory()
        try Data("4242\n".utf8).write(to: URL(filePath: "\(place.path)/lock"))
        // Holds the lock until its input ends, and says when it has it.
        let holder = Process()
        let input = Pipe()
        let output = Pipe()
        holder.executableURL = URL(filePath: "/usr/bin/flock")
        holder.arguments = ["\(place.path)/lock", "sh", "-c", "echo held; cat"]
        holder.standardInput = input
        holder.standardOutput = output
        try holder.run()
        _ = try output.fileHandleForReading.read(upToCount: 5)
        #expect(throws: StoreError.locked(path: place.path, pid: 4242)) { try StateDirectory(at: place.path) }
        try input.fileHandleForWriting.close()
        holder.waitUntilExit()
        #expect(throws: Never.self) { try StateDirectory(at: place.path) }
    }

    @Test func `a missing directory is made with all above it`() throws {
        let place = try TemporaryDirectory()
        let directory = try StateDirectory(at: "\(place.path)/a/b/c")
        #expect(directory.path == "\(place.path)/a/b/c")
        #expect(try place.permissions("a/b/c") == 0o700)
    }

    @Test func `an empty path, as of a variable that is not set, is refused`() throws {
        let error = try #require(throws: StoreError.self) { try StateDirectory(at: "") }
        #expect(error == .unavailable(reason: "the path of the state directory is empty"))
    }

    @Test func `a directory that cannot be made is named with the system's reason`() throws {
        let place = try TemporaryDirectory()
        let file = "\(place.path)/file"
        try Data().write(to: URL(filePath: file))
        let error = try #require(throws: StoreError.self) { try StateDirectory(at: "\(file)/state") }
        #expect(error.description.contains("\(file)/state: Not a directory"))
    }

    @Test func `a small file is replaced whole and survives a restart`() throws {
        let place = try TemporaryDirectory()
        let directory = try StateDirectory(at: place.path)
        #expect(try directory.file(named: "incarnation") == nil)
        try directory.replace(named: "incarnation", with: Array("1".utf8))
        try directory.replace(named: "incarnation", with: [])
        #expect(try directory.file(named: "incarnation") == [])
        let large = [UInt8](repeating: 9, count: 70_000)
        try directory.replace(named: "incarnation", with: large)
        directory.close()
        let again = try StateDirectory(at: place.path)
        #expect(try again.file(named: "incarnation") == large)
        #expect(try place.permissions("incarnation") == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: place.path).sorted() == ["incarnation", "lock"])
    }

    /// The exit code of an attempt by another process to take the lock.
    private func tryLock(_ path: String) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/flock")
        process.arguments = ["--nonblock", "\(path)/lock", "true"]
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }
}
