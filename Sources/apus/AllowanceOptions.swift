import ApusExecutor
import ArgumentParser

/// What whoever starts an executor lets containers have, and how their images come.
struct AllowanceOptions: ParsableArguments {
    @Option(
        name: .customLong("allow-volume"),
        help: ArgumentHelp(
            "A directory that containers may be given as a volume, with all below it. May be repeated. Default: none.",
            valueName: "dir"
        )
    )
    var volumes: [String] = []

    @Option(
        help: ArgumentHelp(
            "This machine's limits, in YAML: what containers may have of it. Default: \(LimitsFile.standardPath), if it "
                + "is there.",
            valueName: "file"
        )
    )
    var limits: String?

    @Option(
        help: ArgumentHelp(
            "Who pulls from which registry, in YAML: each registry with its username and password. Only its owner may "
                + "read it.",
            valueName: "file"
        )
    )
    var registries: String?

    @Flag(help: "Keep images that nothing needs any more. Without it, those that Apus fetched are removed then.")
    var cacheImages = false

    @Flag(help: "Give every container all of Nvidia's GPUs.")
    var enableNvidiaGpu = false

    @Flag(help: "Let nobody run commands in containers that run (apus exec).")
    var noExec = false

    var allowances: ExecutorSettings.Allowances {
        var allowances = ExecutorSettings.Allowances(
            volumes: volumes,
            limitsPath: limits,
            registriesPath: registries,
            keepsImages: cacheImages,
            givesAllGPUs: enableNvidiaGpu
        )
        allowances.allowsExec = !noExec
        return allowances
    }

    func validate() throws {
        guard let wrong = volumes.first(where: { !$0.hasPrefix("/") }) else { return }
        throw ValidationError("--allow-volume must be a whole path that begins with /, not \(wrong)")
    }
}
