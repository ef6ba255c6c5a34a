package import ApusModel
import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Fetches configuration files, from whom it may and within limits.
///
/// A name that leads to this machine itself, to a link-local address or to a cloud's metadata is not followed unless that
/// very address is allowed. No redirect is followed.
package struct ConfigFetcher: Sendable {
    /// Of one file, in bytes.
    package static let largestFile = 1 << 20
    private static let longest = Duration.seconds(30)
    /// A look-up cannot be broken off.
    private static let names = Lookups(limit: 32, of: .nameServer)

    private let allowed: [FetchTarget]

    package init(allowed: [FetchTarget]) { self.allowed = allowed }

    /// Whether it may ask there at all.
    package func permits(_ call: HTTPCallSpec) -> Bool {
        allowed.contains { $0.permits(call) }
    }

    /// The file; never more than `largestFile` bytes, nor longer than the call's own time-out and 30 s.
    ///
    /// - Throws: `FetchFailure`, or `CancellationError` when the task was cancelled.
    package func fetch(_ call: HTTPCallSpec) async throws -> [UInt8] {
        let place = call.place
        guard permits(call) else {
            throw FetchFailure("\(place) may not be asked: its host and port are not on the list of those allowed")
        }
        let limit = min(max(call.operationTimeout.duration, .milliseconds(1)), Self.longest)
        do {
            return try await withDeadline(limit, late: { FetchFailure("\(place) did not answer within \(limit)") }) {
                let address = try await resolve(call)
                return try await ask(call, at: address)
            }
        } catch let error as FetchFailure {
            throw error
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw FetchFailure("\(place) cannot be reached: \(error)")
        }
    }

    // MARK: where

    /// The one address that is then asked, so that a second look-up cannot lead elsewhere.
    private func resolve(_ call: HTTPCallSpec) async throws -> String {
        let (host, port) = (call.hostname, call.effectivePort)
        let address: SocketAddress
        do {
            address = try await Self.names.run(within: Self.longest, doing: "looking up \(host)") {
                try SocketAddress.makeAddressResolvingHost(host, port: port)
            }
        } catch let failure as LookupFailure {
            throw failure
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw FetchFailure("\(call.place): the name \(host) leads to no address")
        }
        guard let text = address.ipAddress else { throw FetchFailure("\(call.place): \(host) leads to no address") }
        let isMeant = text == host.lowercased() || host.lowercased() == "localhost"
        guard isMeant || !address.isOwn else {
            throw FetchFailure(
                "\(call.place): \(host) leads to \(text), an address of this machine, link-local, or of its cloud. "
                    + "Allow that address itself if it is meant"
            )
        }
        return text
    }

    // MARK: what

    private func ask(_ call: HTTPCallSpec, at address: String) async throws -> [UInt8] {
        let client = HTTPClient(
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            configuration: configuration(call, address)
        )
        let result: Result<[UInt8], any Error>
        do {
            result = .success(try await answer(to: call, from: client))
        } catch {
            result = .failure(error)
        }
        try await client.shutdown()
        return try result.get()
    }

    private func configuration(_ call: HTTPCallSpec, _ address: String) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.httpVersion = .http1Only
        configuration.dnsOverride = [call.hostname: address]
        let connecting = min(max(call.connectionTimeout.duration, .milliseconds(1)), Self.longest)
        configuration.timeout.connect = .nanoseconds(connecting.nanoseconds)
        configuration.connectionPool.retryConnectionEstablishment = false
        if call.scheme == .https, call.insecure {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.certificateVerification = .none
            configuration.tlsConfiguration = tls
        }
        return configuration
    }

    private func answer(to call: HTTPCallSpec, from client: HTTPClient) async throws -> [UInt8] {
        var request = HTTPClientRequest(url: call.url)
        request.method = HTTPMethod(rawValue: call.verb.rawValue)
        for name in call.headers.keys.sorted() {
            request.headers.replaceOrAdd(name: name, value: call.headers[name] ?? "")
        }
        if let header = call.authHeader {
            request.headers.replaceOrAdd(name: "Authorization", value: header)
        } else if let username = call.username {
            let both = Base64.encoded(Array("\(username):\(call.password ?? "")".utf8))
            request.headers.replaceOrAdd(name: "Authorization", value: "Basic \(both)")
        }
        if let payload = call.payload { request.body = .bytes(ByteBuffer(string: payload)) }
        let response = try await client.execute(request, deadline: .distantFuture)
        let status = Int(response.status.code)
        guard call.successCodes.contains(status) else {
            let isElsewhere = (300..<400).contains(status)
            throw FetchFailure(
                "\(call.place) answered \(status)" + (isElsewhere ? ", a redirect, which is not followed" : "")
            )
        }
        do {
            let body = try await response.body.collect(upTo: Self.largestFile)
            return Array(body.readableBytesView)
        } catch is NIOTooManyBytesError {
            throw FetchFailure("\(call.place) answered more than \(Self.largestFile) bytes")
        }
    }
}

/// Why a configuration file could not be fetched, for people; without what was sent.
package struct FetchFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

extension HTTPCallSpec {
    private var origin: String {
        let host = hostname.contains(":") ? "[\(hostname)]" : hostname
        return "\(scheme == .https ? "https" : "http")://\(host):\(effectivePort)"
    }

    fileprivate var url: String { origin + (path.hasPrefix("/") ? path : "/\(path)") }

    /// For people: without the query, in which secrets stand.
    package var place: String {
        String(url.prefix { $0 != "?" && $0 != "#" })
    }
}
