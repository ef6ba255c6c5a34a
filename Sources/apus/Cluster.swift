import ArgumentParser

/// The commands about the whole cluster.
struct Cluster: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "Look at and set what holds for the whole cluster.",
        subcommands: [ClusterShow.self, ClusterSpread.self, ClusterRotateInstanceKeys.self]
    )
}

/// How applications are spread whose policy does not say.
struct ClusterSpread: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "spread",
        abstract: "How applications are spread whose policy has no SPREAD.",
        subcommands: [ClusterSpreadShow.self, ClusterSpreadSet.self, ClusterSpreadClear.self],
        defaultSubcommand: ClusterSpreadShow.self
    )
}
