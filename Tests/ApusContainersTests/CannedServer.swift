import Foundation
import Synchronization

/// An HTTP server on a Unix socket that says what it was told to, for what no real engine can be made to do.
final class CannedServer: Sendable {
    let socketPath: String
    private let listener: Int32
    private let state = Mutex(State())

    private struct State {
        var requests: [String] = []
        var silent: [Int32] = []
    }

    /// Listens at once.
    ///
    /// `answer` gets a request's head and returns the whole answer in bytes; `nil` leaves the client waiting.
    /// An answer without Content-Length ends with the connection unless it begins with "HOLD".
    init(answer: @escaping @Sendable (String) -> String?) {
        socketPath = "/tmp/apus-\(getpid())-\(UInt32.random(in: .min ... .max)).sock"
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        // The family in two bytes, then the path: the struct's own members belong to another module here.
        var address = [UInt8](repeating: 0, count: 110)
        address[0] = UInt8(AF_UNIX)
        for (index, byte) in socketPath.utf8.enumerated() { address[2 + index] = byte }
        let descriptor = listener
        let bound = address.withUnsafeBytes { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { bind(descriptor, $0.baseAddress, socklen_t(bytes.count)) }
        }
        precondition(bound == 0 && listen(listener, 16) == 0, "cannot listen on \(socketPath)")
        Thread.detachNewThread { self.serve(answer) }
    }

    /// The heads of all requests so far.
    var requests: [String] { state.withLock(\.requests) }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        unlink(socketPath)
        state.withLock { state in
            for descriptor in state.silent { close(descriptor) }
            state.silent = []
        }
    }

    private func serve(_ answer: (String) -> String?) {
        while true {
            let client = accept(listener, nil, nil)
            guard client >= 0 else { break }
            let head = Self.head(from: client)
            state.withLock { $0.requests.append(head) }
            guard let text = answer(head) else {
                state.withLock { $0.silent.append(client) }
                continue
            }
            let holds = text.hasPrefix("HOLD")
            let bytes = Array(text.utf8.dropFirst(holds ? 4 : 0))
            _ = send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL))
            if holds {
                state.withLock { $0.silent.append(client) }
            } else {
                close(client)
            }
        }
        close(listener)
    }

    private static func head(from client: Int32) -> String {
        var head: [UInt8] = []
        var byte: UInt8 = 0
        while !head.suffix(4).elementsEqual("\r\n\r\n".utf8), recv(client, &byte, 1, 0) == 1 { head.append(byte) }
        return String(decoding: head, as: UTF8.self)
    }

    static func ok(_ body: String) -> String {
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    /// What a modern engine says of itself.
    static let version = ok(#"{"Version":"99.1","ApiVersion":"1.41","MinAPIVersion":"1.24"}"#)
}
