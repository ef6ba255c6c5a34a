import ApusTestKit
import Foundation
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Python's file server on a loopback port of its own.
final class FileServer: Sendable {
    let port: Int
    private let process: ApusProcess

    init(folder: String, files: [String: String]) async throws {
        let root = "\(folder)/served"
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        for (name, text) in files { try text.write(toFile: "\(root)/\(name)", atomically: false, encoding: .utf8) }
        port = try freePort()
        process = try ApusProcess(
            ["python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", root, "\(port)"],
            log: "\(folder)/server.log",
            program: "/usr/bin/env"
        )
        try process.start()
        let url = "http://127.0.0.1:\(port)/"
        try await until("the file server answers", within: .seconds(20), log: { process.logTail }) {
            _ = try RealRegistry.run("curl", ["-sf", "-o", "/dev/null", url])
        }
    }

    func close() async { await process.kill9() }
}

/// Hears what is sent to a UDP port of this machine.
final class SyslogListener: Sendable {
    let port: Int
    private let socket: Int32
    private let lines = Mutex<[String]>([])

    init() throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let (descriptor, isBound) = (
            socket,
            withUnsafeMutablePointer(to: &address) { [socket] pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                    bind(socket, generic, length) == 0 && getsockname(socket, generic, &length) == 0
                }
            }
        )
        try check(descriptor >= 0 && isBound, "no UDP port")
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    /// All that has come so far.
    func received() -> [String] {
        lines.withLock { lines in
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = recv(socket, &buffer, buffer.count, 0)
                guard count > 0 else { return lines }
                lines.append(String(decoding: buffer[..<count], as: UTF8.self))
            }
        }
    }

    func close() { _ = Glibc.close(socket) }
}
