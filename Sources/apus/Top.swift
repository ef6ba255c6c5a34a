import ApusClient
import ApusModel
import ArgumentParser

struct Top: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Show what executors and instances use of cores and memory.",
        discussion: """
            At a terminal it is shown anew every 2 s, until this is interrupted; otherwise once. An instance's figures \
            are the average between the last two looks of its executor, which looks every 2 s while somebody watches \
            and every 30 s otherwise; an executor's are of the whole machine.
            """
    )

    private static let interval = Duration.seconds(2)
    /// Clears the terminal, from its first line on.
    private static let clear = "\u{1B}[H\u{1B}[2J"

    enum Order: String, ExpressibleByArgument, CaseIterable {
        case cpu, memory
    }

    @Option(help: ArgumentHelp("Who uses most comes first: cpu or memory.", valueName: "order"))
    var sort = Order.cpu

    @Flag(help: "Show it once, also at a terminal.")
    var once = false

    @OptionGroup var api: APIOptions

    func run() async throws {
        let isRepeated = Terminal.isOutput && !once && !api.json
        try await callingAPI {
            var shown = try await text()
            while isRepeated {
                Output.part(Self.clear)
                Output.line(shown)
                try await Task.sleep(for: Self.interval)
                do {
                    shown = try await text()
                } catch let error as ClientError where error.isPassing {
                    shown = "waiting for the controller: \(error)"
                }
            }
            Output.line(shown)
        }
    }

    private func text() async throws -> String {
        let usage = try await api.client.get("cluster/usage")
        guard !api.json else { return usage.serialized }
        return UsageTable(usage, sort).text
    }
}

/// Two tables for people: executors and instances, whoever uses most first.
struct UsageTable {
    private let executors: [JSON]
    private let instances: [JSON]

    init(_ usage: JSON, _ order: Top.Order) {
        func elements(_ key: String, _ cpu: String, _ memory: String) -> [JSON] {
            guard case .array(let elements)? = usage[key] else { return [] }
            let used = order == .cpu ? cpu : memory
            // As they came where they are equal; who was not measured comes last.
            return elements.enumerated().sorted { left, right in
                let (first, second) = (left.element.count(used) ?? -1, right.element.count(used) ?? -1)
                return first == second ? left.offset < right.offset : first > second
            }.map(\.element)
        }
        executors = elements("executors", "cpu", "memoryMB")
        instances = elements("instances", "cpu", "memoryBytes")
    }

    var text: String {
        let machines = executors.map { executor in
            [
                executor.word("hostname") + ":" + executor.word("port"), executor.word("state"),
                Self.cores(executor.count("cpu")) + " / " + executor.word("processors"),
                executor.word("memoryMB") + " / " + executor.word("totalMemoryMB") + " MB",
                executor["unmeasured"]?.text.map { "its instances were not measured: \($0)" } ?? "",
            ]
        }
        let containers = instances.map { instance in
            [
                instance.word("instanceId"), instance.word("owner"), instance.word("hostname"),
                Self.cores(instance.count("cpu")) + " / " + instance.word("cores"),
                Self.megabytes(instance.count("memoryBytes")) + " / " + instance.word("allocatedMemoryMB") + " MB",
                Self.age(instance.count("ageMilliseconds")),
            ]
        }
        let lines =
            Output.rows([["EXECUTOR", "STATE", "CORES", "MEMORY", "REMARK"]] + machines) + [""]
            + Output.rows([["INSTANCE", "OF", "ON", "CORES", "MEMORY", "MEASURED"]] + containers)
        return lines.joined(separator: "\n")
    }

    /// From thousandths; to two places.
    private static func cores(_ thousandths: Int64?) -> String {
        guard let thousandths else { return "-" }
        let hundredths = (max(0, thousandths) / 5 + 1) / 2
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    }

    private static func megabytes(_ bytes: Int64?) -> String { bytes.map { "\(($0 / 524_288 + 1) / 2)" } ?? "-" }

    private static func age(_ milliseconds: Int64?) -> String {
        milliseconds.map { "\($0 / 1_000) s ago" } ?? "not yet"
    }
}

extension JSON {
    fileprivate func count(_ key: String) -> Int64? {
        guard case .integer(let number)? = self[key] else { return nil }
        return number
    }

    /// A text or a number; `-` if it is not told.
    fileprivate func word(_ key: String) -> String {
        switch self[key] {
        case .string(let text): text
        case .integer(let number): "\(number)"
        default: "-"
        }
    }
}
