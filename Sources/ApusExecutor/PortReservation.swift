package import ApusModel
import Glibc
import NIOCore
import Synchronization

/// No port could be reserved.
package struct PortReservationError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String
}

/// Free host ports, held from the moment they are chosen until the container engine has bound them.
///
/// A held TCP port is bound and not listened on, with SO_REUSEADDR. Nobody who asks the kernel for any free port gets
/// it (neither by `bind` to port 0 nor as the near end of a connection), while the engine, which names the port and
/// sets SO_REUSEADDR as every Go program does, binds and listens beside us. Tried with dockerd 20.10.
///
/// UDP knows no such sharing: a UDP port is held only until `yieldToEngine`, just before the start, and may be lost in
/// between; the engine then says `portInUse` and another one is chosen.
package final class PortReservation: Sendable {
    /// The ports, in the order of the specification.
    package let mappings: [PortMapping]
    private let sockets: Mutex<[HeldSocket]>

    private struct HeldSocket {
        var descriptor: Int32
        var isUDP: Bool
    }

    /// Holds a free port on `address` for each of `ports`, none of them in `excluded`.
    ///
    /// `excluded` are the ports of instances that exist: one that is down just now still owns its port. `owned` are
    /// those of the instance itself, to be held again; then no other will do.
    package init(
        ports: [PortSpec],
        address: String,
        excluding excluded: Set<Int>,
        again owned: [PortMapping] = []
    ) throws {
        var held: [HeldSocket] = []
        var mappings: [PortMapping] = []
        var taken = excluded
        do {
            for port in ports {
                let isUDP = port.type == .udp
                let mine = owned.first { $0.name == port.name && $0.containerPort == port.port }?.hostPort
                let (socket, number) =
                    if let mine {
                        try Self.hold(mine, isUDP: isUDP, address: address)
                    } else {
                        try Self.hold(isUDP: isUDP, address: address, excluding: taken)
                    }
                held.append(socket)
                taken.insert(number)
                mappings.append(
                    PortMapping(name: port.name, containerPort: port.port, hostPort: number, type: port.type)
                )
            }
        } catch {
            for socket in held { close(socket.descriptor) }
            throw error
        }
        self.mappings = mappings
        sockets = Mutex(held)
    }

    deinit { release() }

    /// Lets go of what the engine could not bind otherwise; call it right before the container is started.
    package func yieldToEngine() {
        sockets.withLock { sockets in
            for socket in sockets where socket.isUDP { close(socket.descriptor) }
            sockets.removeAll(where: \.isUDP)
        }
    }

    /// Lets go of everything; call it once the engine has bound the ports, or will not.
    ///
    /// Harmless twice.
    package func release() {
        sockets.withLock { sockets in
            for socket in sockets { close(socket.descriptor) }
            sockets.removeAll()
        }
    }

    private static func hold(
        isUDP: Bool,
        address: String,
        excluding taken: Set<Int>
    ) throws -> (HeldSocket, port: Int) {
        // Excluded ones are kept open until a free one is found, or the kernel might offer the same again and again.
        var refused: [Int32] = []
        defer { for descriptor in refused { close(descriptor) } }
        for _ in 0...taken.count {
            let (descriptor, port) = try bound(to: 0, isUDP: isUDP, address: address)
            if !taken.contains(port) { return (HeldSocket(descriptor: descriptor, isUDP: isUDP), port) }
            refused.append(descriptor)
        }
        throw PortReservationError(description: "every free port on \(address) belongs to an instance already")
    }

    private static func hold(_ port: Int, isUDP: Bool, address: String) throws -> (HeldSocket, port: Int) {
        let (descriptor, port) = try bound(to: port, isUDP: isUDP, address: address)
        return (HeldSocket(descriptor: descriptor, isUDP: isUDP), port)
    }

    /// Port 0 is any that is free.
    private static func bound(to port: Int, isUDP: Bool, address: String) throws -> (Int32, port: Int) {
        let place: SocketAddress
        do {
            place = try SocketAddress(ipAddress: address, port: port)
        } catch {
            throw PortReservationError(description: "cannot reserve a port: \(address) is no IP address")
        }
        let family = if case .v6 = place { AF_INET6 } else { AF_INET }
        let kind = isUDP ? SOCK_DGRAM : SOCK_STREAM
        let descriptor = socket(family, Int32(kind.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw failure("cannot make a socket", errno) }
        do {
            return (descriptor, try bind(descriptor, to: place, isUDP: isUDP))
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// Binds to a place and returns its port.
    private static func bind(_ descriptor: Int32, to place: SocketAddress, isUDP: Bool) throws -> Int {
        // A UDP port with SO_REUSEADDR may be given to two that ask for any; it would not help the engine either.
        var yes: Int32 = isUDP ? 0 : 1
        guard setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size)) == 0 else {
            throw failure("cannot set SO_REUSEADDR", errno)
        }
        let refusal = place.withSockAddr { address, size in
            Glibc.bind(descriptor, address, socklen_t(size)) == 0 ? 0 : errno
        }
        guard refusal == 0 else { throw failure("cannot reserve a port on \(place)", refusal) }
        var name = [UInt8](repeating: 0, count: MemoryLayout<sockaddr_storage>.size)
        var length = socklen_t(name.count)
        let unnamed = name.withUnsafeMutableBytes { bytes in
            getsockname(descriptor, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), &length) == 0 ? 0 : errno
        }
        guard unnamed == 0 else { throw failure("cannot tell which port was reserved", unnamed) }
        // Both families keep the port behind the two bytes that name the family, in network order.
        return Int(name[2]) << 8 | Int(name[3])
    }

    private static func failure(_ what: String, _ code: Int32) -> PortReservationError {
        PortReservationError(description: "\(what): \(String(cString: strerror(code)))")
    }
}
