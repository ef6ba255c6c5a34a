import HTTPTypes
import NIOCore

/// A proxy in front, whose word on who calls is taken.
package struct TrustedProxy: Sendable {
    /// Why it cannot be one.
    package struct Unusable: Error, CustomStringConvertible {
        package var description: String
    }

    private let header: String
    private let addresses: Set<String>

    /// - Parameters:
    ///   - header: the name of the header that names the user.
    ///   - addresses: those of the proxy, IPv4 or IPv6; from all others the header is ignored.
    /// - Throws: `Unusable` with what is wrong.
    package init(header: String, addresses: [String]) throws(Unusable) {
        let others = ["authorization", "cluster-authorization", "app-instance-authorization", "nodeid"]
        guard HTTPField.Name(header) != nil, !others.contains(header.lowercased()) else {
            throw Unusable(description: "\(header) cannot be the header that names the user")
        }
        guard !addresses.isEmpty else { throw Unusable(description: "the address of the proxy is missing") }
        var plain: Set<String> = []
        for address in addresses {
            do {
                plain.insert(Self.plain(try SocketAddress(ipAddress: address, port: 0).ipAddress ?? address))
            } catch {
                throw Unusable(description: "\(address) is no IP address")
            }
        }
        self.header = header
        self.addresses = plain
    }

    /// Who calls, on the proxy's word; `nil` if the call does not come from it, or it names nobody.
    func userName(of call: APICall) -> String? {
        guard addresses.contains(Self.plain(call.source)) else { return nil }
        return call.header(header)
    }

    /// A listener on all addresses shows those of IPv4 as `::ffff:127.0.0.1`.
    private static func plain(_ address: String) -> String {
        let mapped = "::ffff:"
        return address.hasPrefix(mapped) && address.contains(".") ? String(address.dropFirst(mapped.count)) : address
    }
}
