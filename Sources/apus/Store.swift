import ArgumentParser

/// The commands about the stored state.
struct Store: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store",
        abstract: "Look after the stored state of the cluster: back it up, bring it back, move it.",
        subcommands: [StoreExport.self, StoreImport.self, StoreConfirm.self]
    )
}
