import ApusClient
import ApusModel
import ArgumentParser

/// The commands about the contexts of a `~/.drove`, and about the settings of roles.
struct Config: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Look at and change the contexts in ~/.drove, one for each cluster; show a role's settings.",
        discussion: "Drove's own command line keeps the same file, and reads what is written here.",
        subcommands: [
            ConfigList.self, ConfigCurrent.self, ConfigUse.self, ConfigView.self, ConfigAdd.self, ConfigRemove.self,
            ConfigPrint.self,
        ]
    )
}

struct ConfigList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Show all contexts.")

    @OptionGroup var file: ContextOptions

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        let contexts = try file.read()
        guard !json else {
            let all = contexts.contexts.map { context -> JSON in
                .members([
                    "name": .string(context.name), "endpoint": .string(context["endpoint"] ?? ""),
                    "credentials": .string(context.credentials), "insecure": .bool(context.isInsecure),
                    "current": .bool(context.name == contexts.current),
                ])
            }
            return Output.line(JSON.array(all).serialized)
        }
        let rows = contexts.contexts.map { context in
            [
                context.name == contexts.current ? "*" : "", context.name, context["endpoint"] ?? "",
                context.credentials, context.isInsecure ? "yes" : "no",
            ]
        }
        Output.list(
            ["CURRENT", "NAME", "ENDPOINT", "CREDENTIALS", "INSECURE"],
            rows,
            orElse: "no contexts in \(try file.path()); add one with: apus config add NAME --endpoint URL"
        )
    }
}

struct ConfigCurrent: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "current",
        abstract: "Show which context is used unless another is named."
    )

    @OptionGroup var file: ContextOptions

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        let current = try file.read().current
        guard !json else {
            return Output.line(JSON.object([JSON.Member("current", current.map { .string($0) } ?? .null)]).serialized)
        }
        guard let current else {
            throw CommandFailure(.other, "No context is the current one; make one so with: apus config use NAME")
        }
        Output.line(current)
    }
}

struct ConfigUse: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "use",
        abstract: "Make a context the one that is used unless another is named."
    )

    @OptionGroup var context: ContextArgument
    @OptionGroup var file: ContextOptions

    func run() async throws {
        try file.change { contexts throws(ContextFault) in try contexts.use(context.name) }
        Output.line("\(context.name) is the current context")
    }
}

struct ConfigView: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "view",
        abstract: "Show what the contexts hold; passwords and authorisation headers as stars."
    )

    @OptionGroup var file: ContextOptions

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        let contexts = try file.read()
        guard !json else {
            let all = contexts.contexts.map { context in
                JSON.Member(context.name, .object(context.entries.map { JSON.Member($0.key, .string($0.shown)) }))
            }
            return Output.line(JSON.object(all).serialized)
        }
        Output.line("file: \(try file.path())")
        Output.line("current context: \(contexts.current ?? "none")")
        for context in contexts.contexts {
            Output.line("")
            Output.line("[\(context.name)]\(context.name == contexts.current ? " (current)" : "")")
            for entry in context.entries { Output.line("  \(entry.key) = \(entry.shown)") }
        }
    }
}

struct ConfigRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "remove", abstract: "Forget a context.")

    @OptionGroup var context: ContextArgument
    @OptionGroup var file: ContextOptions

    func run() async throws {
        let wasCurrent = try file.read().current == context.name
        try file.change { contexts throws(ContextFault) in try contexts.remove(context.name) }
        let current = try file.read().current.map { "\($0) is the current context" } ?? "no context is the current one"
        Output.line("\(context.name) is removed\(wasCurrent ? "; \(current) now" : "")")
    }
}

extension ContextFile.Context {
    /// How its user is known there.
    fileprivate var credentials: String {
        if self["username"] != nil { return "password" }
        return self["auth_header"] == nil ? "none" : "header"
    }

    fileprivate var isInsecure: Bool { ["1", "yes", "true", "on"].contains(self["insecure"]?.lowercased()) }
}
