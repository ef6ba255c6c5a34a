import ApusTestKit
import Foundation
import Synchronization

/// Machines that this one plays, each a network namespace with an address; needs root, or sudo.
///
/// Every packet between two of them, and between them and this process, passes a router in their middle, a namespace
/// too. So links are cut in one place and at once, and neither does the packet filter of this machine matter nor is it
/// touched. What a killed run left is cleared away by the next.
package final class Lab: Sendable {
    package struct Machine: Hashable, Sendable {
        package var address: String
        /// The file of its namespace, for `nsenter --net=`.
        package var namespace: String
    }

    /// For state and logs; it goes with the lab.
    package let folder: String
    package let machines: [Machine]
    /// Where the machines find this process.
    package let ownAddress: String
    private let router: String
    private let shell: RootShell

    /// Runs `body` in a lab of so many machines; nothing is left of it, whatever happens.
    package static func with<Value>(machines count: Int, _ body: (Lab) async throws -> Value) async throws -> Value {
        precondition((1...200).contains(count), "a lab has 1 to 200 machines, not \(count)")
        let names = try Names()
        let folder = names.folder
        let shell = try RootShell(clearing: names.clearing + "\nrm -rf '\(folder)'")
        let result: Result<Value, any Error>
        do {
            let lab = try await Lab(machines: count, names, folder, shell)
            result = .success(try await body(lab))
        } catch {
            result = .failure(error)
        }
        // proof: it is awaited here; a task of its own because a test over its time is cancelled, and with it all awaiting.
        let cleared = await Task { try await shell.run("clear; [ ! -e '\(folder)' ]") == 0 }.result
        try shell.close()
        let value = try result.get()
        guard try cleared.get() else { throw Unfulfilled("something of the lab is left in \(folder)") }
        return value
    }

    private init(machines count: Int, _ names: Names, _ folder: String, _ shell: RootShell) async throws {
        _ = try await shell.run(Names.sweeping)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        router = "/run/netns/\(names.space("router"))"
        guard let net = try await Self.route(names, shell) else {
            throw Unfulfilled("no network 10.77.0.0/24 to 10.77.255.0/24 could be made; is there ip, and root or sudo?")
        }
        let machines = (1...count).map { number in
            Machine(address: "\(net).\(number)", namespace: "/run/netns/\(names.space("\(number)"))")
        }
        let lines = machines.enumerated().map { number, machine in
            let (space, link) = (names.space("\(number + 1)"), "to\(number + 1)")
            return """
                ip netns add \(space)
                ip -n \(names.space("router")) link add \(link) type veth peer name eth0 netns \(space)
                ip -n \(names.space("router")) addr add \(net).253 peer \(machine.address) dev \(link)
                ip -n \(names.space("router")) link set \(link) up
                ip -n \(space) link set lo up
                ip -n \(space) addr add \(machine.address) peer \(net).253 dev eth0
                ip -n \(space) link set eth0 up
                ip -n \(space) route add default via \(net).253
                """
        }
        guard try await shell.run("( set -e\n\(lines.joined(separator: "\n")) )") == 0 else {
            throw Unfulfilled("the machines of a lab could not be made")
        }
        self.folder = folder
        self.shell = shell
        self.machines = machines
        ownAddress = "\(net).254"
    }

    /// Makes the router and a link from this process to it, in the first network that nobody has; `nil` if none is free.
    private static func route(_ names: Names, _ shell: RootShell) async throws -> String? {
        let router = names.space("router")
        let made = try await shell.run(
            """
            ( set -e
            ip netns add \(router)
            ip link add \(names.link) type veth peer name own netns \(router)
            ip link set \(names.link) up
            ip -n \(router) link set lo up
            ip -n \(router) link set own up
            nsenter --net=/run/netns/\(router) sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward' )
            """
        )
        guard made == 0 else { return nil }
        let first = Int(getpid())
        for net in (0..<256).map({ "10.77.\((first + $0) % 256)" }) {
            let isOurs = try await shell.run(
                """
                ( set -e
                [ -z "$(ip -4 route show root \(net).0/24)" ]
                ip addr add \(net).254 peer \(net).253 dev \(names.link)
                ip route add \(net).0/24 via \(net).253 dev \(names.link)
                ip -n \(router) addr add \(net).253 peer \(net).254 dev own )
                """
            )
            if isOurs == 0 { return net }
        }
        return nil
    }

    /// From now on this is wrong with the links, and nothing else.
    package func set(_ faults: LinkFaults) async throws {
        let line = "printf %s \(Self.quoted(faults.rules)) | nsenter --net=\(router) iptables-restore -w 60"
        guard try await shell.run(line) == 0 else {
            throw Unfulfilled("iptables-restore did not take these faults:\n\(faults.rules)")
        }
    }

    /// Begins a program on a machine, as this process's user; what it writes is appended to `log`.
    func begin(_ words: [String], on machine: Machine, log: String) async throws -> Int32 {
        let user = geteuid() == 0 ? [] : ["setpriv", "--reuid=\(geteuid())", "--regid=\(getegid())", "--init-groups"]
        let all = ["nsenter", "--net=\(machine.namespace)"] + user + words
        let line = all.map(Self.quoted).joined(separator: " ")
        return try await shell.begin("exec \(line) >>\(Self.quoted(log)) 2>&1")
    }

    private static func quoted(_ word: String) -> String {
        "'\(word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#))'"
    }
}

/// What a lab calls its namespaces and its link; they tell whose it is.
private struct Names {
    private static let prefix = "apus-lab"
    private static let given = Mutex(0)
    private let stem: String
    /// At most 15 characters.
    let link: String

    /// In which those of all labs are, of this run and of those before.
    private static let place = FileManager.default.temporaryDirectory.path

    init() throws {
        guard let own = ProcessSign(of: getpid()) else { throw Unfulfilled("/proc does not tell of this process") }
        let number = Self.given.withLock { given in
            given += 1
            return given
        }
        stem = "\(Self.prefix)-\(own.pid)-\(own.start)-\(number)"
        link = "lab\(own.pid)-\(number)"
    }

    var folder: String { "\(Self.place)/\(stem)" }

    func space(_ name: String) -> String { "\(stem)-\(name)" }

    /// Ends all that runs there, and removes the namespaces.
    var clearing: String {
        """
        cd /
        for space in $(ls /run/netns | grep '^\(stem)-'); do \(Self.removing); done
        ip link del \(link)
        """
    }

    /// Does so with the labs of processes that are gone, and removes their folders; a link goes with the router at its
    /// other end.
    static let sweeping = """
        gone() {
            owner=${1#\(prefix)-}
            start=${owner#*-}
            [ "$(sed 's/^.*) //' "/proc/${owner%%-*}/stat" | cut -d ' ' -f 20)" != "${start%%-*}" ]
        }
        for space in $(ls /run/netns | grep '^\(prefix)-'); do
            gone "$space" || continue
            \(removing)
        done
        for folder in $(ls '\(place)' | grep -x '\(prefix)-[0-9]*-[0-9]*-[0-9]*'); do
            gone "$folder" && rm -rf '\(place)'/"$folder"
        done
        """

    /// Again while there are any: whoever is ended may just have started another, and is there for a moment yet.
    private static let removing = """
        for round in $(seq 50); do
            left=$(ip netns pids "$space")
            [ -n "$left" ] || break
            kill -9 $left
            sleep 0.1
        done
        ip netns del "$space"
        """
}
