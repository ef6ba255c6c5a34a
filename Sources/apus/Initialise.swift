import ApusExecutor
import ApusModel
import ArgumentParser

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

struct Initialise: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Write a specification to begin with, which says what else may stand in it.",
        discussion: """
            It is valid as it stands. Every field that may be left out is there as a comment, with its meaning and what \
            holds without it. Deploy it with: apus apply FILE, apus tasks run FILE, apus localservices create FILE.
            """
    )

    @Argument(help: "app, task or localservice.")
    var kind = SpecificationTemplate.Kind.app

    @Option(help: ArgumentHelp("What to call it.", valueName: "name"))
    var name = "example"

    @Option(help: ArgumentHelp("The image to run. Default: nginx:1.27, of a task busybox:1.36.", valueName: "image"))
    var image: String?

    @Option(help: ArgumentHelp("The port that the container listens on. Default: 80.", valueName: "port"))
    var port: Int?

    @Flag(help: "Write YAML with comments. This is the default.")
    var yaml = false

    @Flag(help: "Write JSON, which has no comments.")
    var json = false

    @Option(
        help: ArgumentHelp("Write it to this file. Default: standard output.", valueName: "file"),
        completion: .file()
    )
    var out: String?

    @Flag(help: "Write over a file that is there.")
    var force = false

    func validate() throws {
        guard !yaml || !json else { throw ValidationError("--yaml and --json exclude each other") }
        guard port == nil || kind != .task else { throw ValidationError("a task has no ports: leave --port out") }
        guard out != nil || !force else { throw ValidationError("--force belongs to --out") }
        _ = try checked()
    }

    func run() async throws {
        let (template, value) = try checked()
        let text = json ? value.serialized : template.text
        guard let out else { return Output.line(text) }
        do {
            let options: Data.WritingOptions = force ? [.atomic] : [.withoutOverwriting]
            try Data("\(text)\n".utf8).write(to: URL(fileURLWithPath: out), options: options)
        } catch let error as CocoaError where error.code == .fileWriteFileExists {
            throw CommandFailure(.conflict, "\(out) is there already: give another name, or --force to write over it")
        } catch {
            throw CommandFailure(.other, "\(out) cannot be written. Does its folder exist, and may you write there?")
        }
        Output.line("\(out) is written. Next: \(kind.command) \(out)")
    }

    /// - Throws: `ValidationError` if what was given makes no valid specification.
    private func checked() throws -> (SpecificationTemplate, JSON) {
        let template = SpecificationTemplate(
            kind: kind,
            name: name,
            image: image ?? (kind == .task ? "busybox:1.36" : "nginx:1.27"),
            port: port ?? 80
        )
        let value = try JSON.documents(yaml: template.text).first ?? .null
        let refusal: SpecRefusal?
        switch kind {
        case .app: refusal = ApplicationSpec.refusal(of: value)
        case .task: refusal = TaskSpec.refusal(of: value)
        case .localservice: refusal = LocalServiceSpec.refusal(of: value)
        }
        if let refusal { throw ValidationError(refusal.errors.joined(separator: "\n")) }
        return (template, value)
    }
}

extension SpecPart {
    /// Why it is not valid; `nil` if it is.
    fileprivate static func refusal(of json: JSON) -> SpecRefusal? {
        if case .failure(let refusal) = validated(json) { refusal } else { nil }
    }
}
