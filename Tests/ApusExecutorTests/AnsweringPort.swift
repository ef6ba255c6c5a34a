import Foundation
import Synchronization

/// A TCP port of this machine that gives one answer to every request.
final class AnsweringPort: Sendable {
    let port: Int
    private let listener: Int32
    private let accepts: Bool
    private let state = Mutex(State())

    private struct State {
        var requests: [String] = []
        var open: [Int32] = []
        var isStopped = false
    }

    /// Listens at once.
    ///
    /// `nil` leaves the client waiting; an answer that begins with "HOLD" leaves the connection open after it.
    /// Without `accepts` the queue of connections is full; one that `isDeaf` answers without a request.
    init(answer: String?, accepts: Bool = true, isDeaf: Bool = false) {
        self.accepts = accepts
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let place = Self.loopback(port: 0)
        let descriptor = listener
        let bound = Self.with(place) { bind(descriptor, $0, $1) }
        precondition(bound == 0 && listen(listener, accepts ? 64 : 0) == 0, "cannot listen on 127.0.0.1")
        var name = [UInt8](repeating: 0, count: 16)
        var length = socklen_t(16)
        name.withUnsafeMutableBytes { bytes in
            _ = bytes.withMemoryRebound(to: sockaddr.self) { getsockname(descriptor, $0.baseAddress, &length) }
        }
        port = Int(name[2]) << 8 | Int(name[3])
        if accepts {
            Thread.detachNewThread { self.serve(answer, isDeaf: isDeaf) }
        } else {
            fillQueue()
        }
    }

    var requests: [String] { state.withLock(\.requests) }

    /// The thread closes the listener when it has seen the end: closed here, its number might be another test's by then.
    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        if !accepts { close(listener) }
        state.withLock { state in
            state.isStopped = true
            for descriptor in state.open { close(descriptor) }
            state.open = []
        }
    }

    private func serve(_ answer: String?, isDeaf: Bool) {
        defer { close(listener) }
        while true {
            let client = accept(listener, nil, nil)
            guard client >= 0 else { return }
            let request = isDeaf ? Self.beginning(from: client) : Self.request(from: client)
            state.withLock { $0.requests.append(request) }
            let bytes = Array((answer ?? "HOLD").utf8)
            let holds = bytes.starts(with: "HOLD".utf8)
            let sent = Array(bytes.dropFirst(holds ? 4 : 0))
            _ = send(client, sent, sent.count, Int32(MSG_NOSIGNAL))
            let isKept = state.withLock { state in
                if holds && !state.isStopped { state.open.append(client) }
                return holds && !state.isStopped
            }
            if !isKept { close(client) }
        }
    }

    private func fillQueue() {
        for _ in 0..<4 {
            let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
            _ = Self.with(Self.loopback(port: port)) { connect(client, $0, $1) }
            state.withLock { $0.open.append(client) }
        }
    }

    /// Whatever comes first; to close with it unread would reset the connection.
    private static func beginning(from client: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 4_096)
        return String(decoding: bytes.prefix(max(0, recv(client, &bytes, bytes.count, 0))), as: UTF8.self)
    }

    /// The head, and as much of a body as it announces.
    private static func request(from client: Int32) -> String {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8), recv(client, &byte, 1, 0) == 1 { bytes.append(byte) }
        let head = String(decoding: bytes, as: UTF8.self).lowercased()
        let length = head.split(separator: "\r\n").first { $0.hasPrefix("content-length: ") }?.dropFirst(16)
        for _ in 0..<(length.flatMap { Int($0) } ?? 0) where recv(client, &byte, 1, 0) == 1 { bytes.append(byte) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Family, port and address as they lie in memory: the struct's own members belong to another module here.
    private static func loopback(port: Int) -> [UInt8] {
        [UInt8(AF_INET), 0, UInt8(port >> 8), UInt8(port & 255), 127, 0, 0, 1] + [UInt8](repeating: 0, count: 8)
    }

    private static func with(_ place: [UInt8], _ body: (UnsafePointer<sockaddr>?, socklen_t) -> Int32) -> Int32 {
        place.withUnsafeBytes { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { body($0.baseAddress, socklen_t(bytes.count)) }
        }
    }
}
