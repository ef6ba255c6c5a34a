import ArgumentParser

/// The commands about applications.
struct Apps: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apps",
        abstract: "Deploy, look at and change applications.",
        discussion: "An application is a service of a name and a version; its id is NAME-VERSION.",
        subcommands: [
            AppsDeploy.self, AppsList.self, AppsShow.self, AppsScale.self, AppsStart.self, AppsStop.self,
            AppsRestart.self, AppsRecover.self, AppsCancel.self, AppsSuspend.self, AppsDestroy.self,
        ]
    )
}
