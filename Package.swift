// swift-tools-version: 6.2
import PackageDescription

// MARK: the libraries the products stand on

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let collections: [Target.Dependency] = [
    .product(name: "DequeModule", package: "swift-collections"),
    .product(name: "HashTreeCollections", package: "swift-collections"),
    .product(name: "HeapModule", package: "swift-collections"),
    .product(name: "OrderedCollections", package: "swift-collections"),
]
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird: [Target.Dependency] = [
    .product(name: "Hummingbird", package: "hummingbird"),
    .product(name: "HummingbirdCore", package: "hummingbird"),
]
let jwt: Target.Dependency = .product(name: "JWTKit", package: "jwt-kit")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
]

let metrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")

let package = Package(
    name: "apus",
    platforms: [.macOS(.v26)],
    products: [
        .executable(name: "apus", targets: ["apus"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/vapor/jwt-kit.git", from: "5.7.1"),
    ],
    targets: [
        // The vocabulary: specifications, ids, states, messages. No I/O, no Foundation.
        .target(name: "ApusModel"),
        .testTarget(name: "ApusModelTests", dependencies: ["ApusModel"]),

        // Pure: topology, exact ledger, policies, a reason for each refusal.
        .target(name: "ApusPlacement", dependencies: ["ApusModel"] + collections),
        .testTarget(name: "ApusPlacementTests", dependencies: ["ApusModel", "ApusPlacement"]),

        // Pure: the cluster's state and every decision about it.
        .target(name: "ApusEngine", dependencies: ["ApusModel", "ApusPlacement"] + collections),
        .testTarget(
            name: "ApusEngineTests",
            dependencies: ["ApusEngine", "ApusModel", "ApusPlacement", "ApusTestKit"]
        ),

        // Pure: an executor's instance machines, journal, reconciliation, reports.
        .target(name: "ApusAgent", dependencies: ["ApusModel"] + collections),
        .testTarget(name: "ApusAgentTests", dependencies: ["ApusAgent", "ApusModel", "ApusTestKit"]),

        // Engine and agents together on a virtual clock, a faulty network and faulty stores.
        .target(
            name: "ApusSimulation",
            dependencies: ["ApusAgent", "ApusEngine", "ApusModel", "ApusPlacement"] + collections
        ),
        .testTarget(name: "ApusSimulationTests", dependencies: ["ApusModel", "ApusSimulation"]),
        .executableTarget(name: "apus-sim", dependencies: ["ApusSimulation", argumentParser]),

        // ZooKeeper's own client, with threads of its own.
        .systemLibrary(name: "CZooKeeper", providers: [.apt(["libzookeeper-mt-dev"])]),

        // What survives: records in SQLite or ZooKeeper, behind one protocol; who leads.
        .target(name: "ApusStore", dependencies: ["ApusEngine", "ApusModel", "CZooKeeper", crypto, grdb]),
        .testTarget(
            name: "ApusStoreTests",
            dependencies: ["ApusEngine", "ApusModel", "ApusStore", "ApusTestKit", grdb] + collections
        ),

        // The Docker Engine API over its socket.
        .target(name: "ApusContainers", dependencies: ["ApusModel", asyncHTTPClient] + nio),
        .testTarget(name: "ApusContainersTests", dependencies: ["ApusContainers", "ApusModel", "ApusTestKit"]),

        // The typed HTTP client of the API and of the messages between nodes.
        .target(name: "ApusClient", dependencies: ["ApusModel", asyncHTTPClient, crypto, nioSSL] + nio),
        .testTarget(name: "ApusClientTests", dependencies: ["ApusClient", "ApusModel", "ApusTestKit"]),

        // Numbers in Dropwizard's JSON and Prometheus' text, health pages, and the port they are on.
        .target(
            name: "ApusTelemetry",
            dependencies: ["ApusModel", httpTypes, lifecycle, logging, metrics, nioSSL] + hummingbird + nio
        ),
        .testTarget(
            name: "ApusTelemetryTests",
            dependencies: ["ApusModel", "ApusTelemetry", asyncHTTPClient, lifecycle, logging, metrics] + hummingbird
                + nio
        ),

        // What Docker compresses of its logs is read with it; NIO links it too.
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

        // The executor's edge: containers, checks, ports, topology, its HTTP side.
        .target(
            name: "ApusExecutor",
            dependencies: [
                "ApusAgent", "ApusClient", "ApusContainers", "ApusModel", "ApusTelemetry", "CZlib", crypto, httpTypes,
                lifecycle, logging, metrics, nioSSL, yams,
            ] + hummingbird + nio
        ),
        .testTarget(
            name: "ApusExecutorTests",
            dependencies: [
                "ApusAgent", "ApusClient", "ApusContainers", "ApusExecutor", "CZlib", "ApusModel", "ApusTelemetry",
                "ApusTestKit", asyncHTTPClient, lifecycle, logging, nioSSL,
            ] + nio
        ),

        // bcrypt, for passwords.
        .systemLibrary(name: "CCrypt", providers: [.apt(["libcrypt-dev"])]),

        // The controller's edge: the leader's loop and the HTTP API.
        .target(
            name: "ApusController",
            dependencies: [
                "ApusClient", "ApusEngine", "ApusModel", "ApusPlacement", "ApusStore", "ApusTelemetry", "CCrypt",
                crypto, httpTypes, jwt, lifecycle, logging, metrics,
            ] + collections + hummingbird + nio
        ),
        .testTarget(
            name: "ApusControllerTests",
            dependencies: [
                "ApusClient", "ApusController", "ApusEngine", "ApusExecutor", "ApusModel", "ApusPlacement", "ApusStore",
                "ApusTelemetry", "ApusTestKit", crypto, lifecycle, logging,
            ]
        ),

        // The executable: arguments, configuration, the graph of services.
        .executableTarget(
            name: "apus",
            dependencies: [
                "ApusClient", "ApusContainers", "ApusController", "ApusEngine", "ApusExecutor", "ApusModel",
                "ApusPlacement", "ApusStore", "ApusTelemetry", argumentParser, lifecycle, logging, unixSignals,
            ]
        ),

        // Clocks, fixtures, conformance suites.
        .target(name: "ApusTestKit", dependencies: ["ApusEngine", "ApusModel", "ApusStore"]),

        // Machines, links and container engines that are played, for failures of real processes; histories of calls.
        .target(name: "ApusLab", dependencies: ["ApusClient", "ApusModel", "ApusTestKit", asyncHTTPClient] + nio),
        .testTarget(name: "ApusLabTests", dependencies: ["ApusClient", "ApusLab", "ApusModel"]),
        .executableTarget(
            name: "apus-fake-engine",
            dependencies: ["ApusModel", argumentParser, httpTypes, logging] + hummingbird + nio
        ),

        // Real Docker engines and real processes.
        .testTarget(
            name: "IntegrationTests",
            dependencies: ["ApusClient", "ApusContainers", "ApusLab", "ApusModel", "ApusTestKit", asyncHTTPClient] + nio
        ),

        // Every decoder, fed with broken input.
        .executableTarget(
            name: "apus-fuzz",
            dependencies: [
                "ApusAgent", "ApusClient", "ApusContainers", "ApusController", "ApusEngine", "ApusExecutor",
                "ApusModel", "ApusPlacement", "ApusStore", "ApusTestKit", argumentParser, logging,
            ]
        ),

        // Figures, each beside its peer or its limit.
        .executableTarget(
            name: "apus-bench",
            dependencies: [
                "ApusClient", "ApusContainers", "ApusEngine", "ApusExecutor", "ApusLab", "ApusModel",
                "ApusPlacement", "ApusTelemetry", "ApusTestKit", argumentParser, asyncHTTPClient, logging,
            ] + collections + hummingbird + nio,
            path: "Benchmarks/apus-bench"
        ),
    ]
)

// Warnings are errors where we build; on a newer toolchain a user must still be able to.
let warnings: [SwiftSetting] = Context.environment["CI"] == "true" ? [.treatAllWarnings(as: .error)] : []
let strict: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        .enableUpcomingFeature("InferIsolatedConformances"),
        .enableUpcomingFeature("ImmutableWeakCaptures"),
    ] + warnings

for target in package.targets where target.type != .system {
    target.swiftSettings = (target.swiftSettings ?? []) + strict
}
