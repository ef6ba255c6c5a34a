import ApusModel
import Dispatch
import Foundation

/// How long a server that is cut from the others goes on answering signs of life: no session should be much shorter.
package struct QuorumPatience: Hashable, Sendable {
    private var tick: Duration
    private var syncLimit: Int

    /// Reads what the word `conf` answers; `nil` if it says no such times, as that of a server without others.
    package init?(configuration: String) {
        var values: [Substring: Int] = [:]
        for line in configuration.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { values[parts[0]] = Int(parts[1]) }
        }
        guard let tick = values["tickTime"], let syncLimit = values["syncLimit"], tick > 0, syncLimit > 0 else {
            return nil
        }
        self.tick = .milliseconds(tick)
        self.syncLimit = syncLimit
    }

    /// What to tell people if a session of that length will change leaders needlessly; it is safe all the same.
    package func warning(session: Duration) -> String? {
        let least = tick * syncLimit * 2
        guard session < least else { return nil }
        return """
            ZooKeeper sessions of \(session.milliseconds) ms are shorter than twice syncLimit x tickTime \
            (\(least.milliseconds) ms): a server that is cut from the others makes the leader change needlessly. Ask \
            for longer ones, or lower syncLimit.
            """
    }
}

extension ZooKeeperAddress {
    /// What the first of the servers that tells it says of its times; `nil` if none does, or has others.
    ///
    /// Servers answer `conf` only where their `4lw.commands.whitelist` allows it.
    package func quorumPatience(within limit: Duration = .seconds(2)) async -> QuorumPatience? {
        for server in servers {
            if let answer = await server.answer(to: "conf", within: limit),
                let patience = QuorumPatience(configuration: answer)
            {
                return patience
            }
        }
        return nil
    }
}

extension ZooKeeperAddress.Server {
    private static let longestAnswer = 1 << 20

    /// What the server answers to one of its four-letter words; `nil` if nothing comes in time.
    package func answer(to word: String, within limit: Duration) async -> String? {
        let answer = Once<String?>()
        let late = DispatchTime.now() + .milliseconds(Int(limit.milliseconds))
        // The look-up of a name may take longer, and nothing ends it: it is left to itself.
        DispatchQueue.global().async { answer.happen(ask(word, limit)) }
        DispatchQueue.global().asyncAfter(deadline: late) { answer.happen(nil) }
        return await answer.wait() ?? nil
    }

    /// Blocks; each step at most as long as the limit.
    private func ask(_ word: String, _ limit: Duration) -> String? {
        guard let socket = connected(limit) else { return nil }
        defer { close(socket) }
        guard send(socket, word, word.utf8.count, Int32(MSG_NOSIGNAL)) == word.utf8.count else { return nil }
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while answer.count < Self.longestAnswer {
            let count = recv(socket, &chunk, chunk.count, 0)
            guard count > 0 else { break }
            answer += chunk[..<count]
        }
        return answer.isEmpty ? nil : String(decoding: answer, as: UTF8.self)
    }

    private func connected(_ limit: Duration) -> Int32? {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, "\(port)", &hints, &first) == 0 else { return nil }
        defer { freeaddrinfo(first) }
        var next = first
        while let address = next?.pointee {
            let descriptor = socket(address.ai_family, address.ai_socktype | O_CLOEXEC, address.ai_protocol)
            guard descriptor >= 0 else { return nil }
            let (seconds, rest) = Int(limit.milliseconds).quotientAndRemainder(dividingBy: 1_000)
            var patience = timeval(tv_sec: seconds, tv_usec: rest * 1_000)
            for option in [SO_SNDTIMEO, SO_RCVTIMEO] {
                setsockopt(descriptor, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
            }
            if connect(descriptor, address.ai_addr, address.ai_addrlen) == 0 { return descriptor }
            close(descriptor)
            next = address.ai_next
        }
        return nil
    }
}
