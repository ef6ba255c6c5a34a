import ApusClient
import ApusModel
import Foundation
import Synchronization
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// An executor's HTTP side: one answer to each connection, one connection after the other.
final class NodeServer: Sendable {
    private struct Answer {
        var status = 200
        var header: String
        var body: [UInt8]
        /// So many bytes more are announced than come.
        var missing = 0

        var bytes: [UInt8] {
            let head = """
                HTTP/1.1 \(status) Status\r
                Content-Length: \(body.count + missing)\r
                \(header)\r
                Connection: close\r
                \r

                """
            return Array(head.utf8) + body
        }
    }

    let port: Int
    private let listener: Int32
    private let heads = Mutex<[String]>([])

    /// 200 with what `answer` returns of the request's head; what has no answer is refused with that status.
    convenience init(
        refusing status: Int = 400,
        fields: String = "Content-Disposition: attachment; filename=a",
        _ answer: @escaping @Sendable (String) -> String?
    ) throws {
        try self.init(answering: { head in
            answer(head).map { Answer(header: fields, body: Array($0.utf8)) }
                ?? Answer(status: status, header: fields, body: Array(#"{"error":"no"}"#.utf8))
        })
    }

    /// Every command has the same frames.
    convenience init(frames: [ExecFrame]) throws {
        let answer = Answer(header: "Content-Type: \(ExecFrame.contentType)", body: frames.flatMap(\.bytes))
        try self.init(answering: { _ in answer })
    }

    /// Everything is refused, with that reason.
    convenience init(refusing status: Int, _ reason: String) throws {
        let body = JSON.members(["error": .string(reason)]).bytes
        let answer = Answer(status: status, header: "Content-Type: application/json", body: body)
        try self.init(answering: { _ in answer })
    }

    /// A refusal of which only that comes.
    convenience init(breakingOffAfter text: String) throws {
        let answer = Answer(status: 403, header: "Content-Type: text/plain", body: Array(text.utf8), missing: 100)
        try self.init(answering: { _ in answer })
    }

    private init(answering answer: @escaping @Sendable (String) -> Answer) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(listener, generic, length) == 0 && listen(listener, 8) == 0
                    && getsockname(listener, generic, &length) == 0
            }
        }
        try #require(isListening, "no free port")
        self.listener = listener
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread.detachNewThread { self.serve(answer) }
    }

    /// The heads of all requests so far.
    var requests: [String] { heads.withLock { $0 } }

    /// Those for a command in a container.
    ///
    /// Another test may ask an executor that has ended, whose port this one was given.
    var execs: [String] { requests.filter { $0.contains("/exec?") } }

    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    private func serve(_ answer: (String) -> Answer) {
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { break }
            let head = Self.head(from: connection)
            heads.withLock { $0.append(head) }
            let answer = answer(head)
            var rest = answer.bytes[...]
            while !rest.isEmpty {
                let sent = rest.withUnsafeBytes { send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                guard sent > 0 else { break }
                rest = rest.dropFirst(sent)
            }
            if answer.missing > 0 { shutdown(connection, Int32(SHUT_WR)) }
            // Whoever sends on is read until it ends: the answer would be lost in a reset otherwise.
            if head.hasPrefix("POST ") { Self.drain(connection) }
            close(connection)
        }
        close(listener)
    }

    private static func head(from connection: Int32) -> String {
        var request: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while request.firstRange(of: Array("\r\n\r\n".utf8)) == nil {
            let count = recv(connection, &chunk, chunk.count, 0)
            guard count > 0 else { break }
            request += chunk[..<count]
        }
        return String(decoding: request, as: UTF8.self)
    }

    private static func drain(_ connection: Int32) {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while recv(connection, &chunk, chunk.count, 0) > 0 {}
    }
}
