import Foundation
import Synchronization
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// An HTTP server on a free loopback port that gives every request the same answer, or one after the other.
final class AnsweringServer: Sendable {
    /// Without a body the connection is closed without an answer.
    struct Answer: Sendable {
        var status = 200
        var body: String?
    }

    let url: String
    private let listener: Int32
    private let silent = Mutex<[Int32]>([])
    private let isStopped = Mutex(false)

    private let waiting: Mutex<[Answer]>
    /// A request with this in its head is left without an answer.
    private let unanswered: String?
    /// What is answered to a request with that head, in place of those that wait.
    private let script: (@Sendable (Substring) -> Answer)?

    /// `body` nil closes each connection without an answer; `answers` false leaves each open without one.
    convenience init(_ body: String?, status: Int = 200, answers: Bool = true) throws {
        try self.init([Answer(status: status, body: body)], answers: answers)
    }

    /// One request each; the last answer is for all that follow.
    convenience init(
        _ answers: [Answer],
        answers isAnswering: Bool = true,
        except unanswered: String? = nil
    ) throws {
        try self.init(answers, isAnswering, unanswered, nil)
    }

    /// The script says what each request is answered, by its head.
    convenience init(script: @escaping @Sendable (Substring) -> Answer) throws { try self.init([], true, nil, script) }

    private init(
        _ answers: [Answer],
        _ isAnswering: Bool,
        _ unanswered: String?,
        _ script: (@Sendable (Substring) -> Answer)?
    ) throws {
        waiting = Mutex(answers)
        self.unanswered = unanswered
        self.script = script
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
        url = "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
        Thread.detachNewThread { self.serve(answers: isAnswering) }
    }

    /// How many answers are left; the last one stays.
    var left: Int { waiting.withLock { $0.count } }

    /// How many connections are open without an answer.
    var held: Int { silent.withLock { $0.count } }

    private func next(_ head: Substring) -> String? {
        let answer = script?(head) ?? waiting.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
        return answer.body.map { body in
            "HTTP/1.1 \(answer.status) Status\r\nContent-Length: \(body.utf8.count)\r\n"
                + "Connection: close\r\n\r\n\(body)"
        }
    }

    func stop() {
        // Once: afterwards its number may be another server's.
        guard
            isStopped.withLock({ isStopped in
                defer { isStopped = true }
                return !isStopped
            })
        else { return }
        // The thread closes it: closed here, its number could be another server's before the thread notices.
        shutdown(listener, Int32(SHUT_RDWR))
        silent.withLock { connections in
            for connection in connections { close(connection) }
            connections = []
        }
    }

    private func serve(answers: Bool) {
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else {
                close(listener)
                return
            }
            guard answers else {
                silent.withLock { $0.append(connection) }
                continue
            }
            let head = Self.readRequest(connection)
            if let unanswered, head.contains(unanswered) {
                silent.withLock { $0.append(connection) }
                continue
            }
            if let answer = next(head) {
                let bytes = Array(answer.utf8)
                _ = send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
            }
            close(connection)
        }
    }

    /// All of it: what is left unread when a connection is closed resets it, and the answer is lost.
    ///
    /// - Returns: its head.
    private static func readRequest(_ connection: Int32) -> Substring {
        var request: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(connection, &piece, piece.count, 0)
            guard count > 0 else { return "" }
            request += piece[..<count]
            let parts = String(decoding: request, as: UTF8.self).split(separator: "\r\n\r\n", maxSplits: 1)
            guard let head = parts.first, request.count >= head.utf8.count + 4 else { continue }
            let length = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
            let expected = length.flatMap { Int($0.drop { !$0.isNumber }) } ?? 0
            if request.count >= head.utf8.count + 4 + expected { return head }
        }
    }
}
