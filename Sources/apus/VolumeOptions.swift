import ArgumentParser

/// Which directories of this machine containers may be given.
struct VolumeOptions: ParsableArguments {
    @Option(
        name: .customLong("allow-volume"),
        help: ArgumentHelp(
            "A directory that containers may be given as a volume, with all below it. May be repeated. Default: none.",
            valueName: "dir"
        )
    )
    var allowed: [String] = []

    func validate() throws {
        guard let wrong = allowed.first(where: { !$0.hasPrefix("/") }) else { return }
        throw ValidationError("--allow-volume must be a whole path that begins with /, not \(wrong)")
    }
}
