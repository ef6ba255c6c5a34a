import ArgumentParser

/// Figures, each beside its peer or its limit; `scripts/bench` builds it, starts an engine and sets its environment.
@main
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus-bench",
        abstract: "Measures Apus beside its peers.",
        subcommands: [
            Start.self, Memory.self, Replace.self, Recovery.self, EngineFigures.self, Placement.self, Stats.self,
            APIFigures.self, Failover.self,
        ]
    )
}

/// One line of a benchmark: a figure, what it is held against, and whether it is good enough.
struct Row {
    var name: String
    var value: Double
    var unit: String
    var against: String
    var ratio: Double
    /// The ratio must be at most this.
    var aim: Double

    var isOK: Bool { ratio <= aim }

    func show() {
        print(
            "\(name)  \(rounded(value)) \(unit)  \(against)  ratio \(rounded(ratio))  aim ≤ \(rounded(aim))  "
                + (isOK ? "ok" : "short")
        )
    }
}

func rounded(_ number: Double) -> String {
    let hundredths = (number * 100).rounded() / 100
    return "\(hundredths)"
}

extension [Double] {
    var median: Double {
        let ordered = sorted()
        guard !ordered.isEmpty else { return .nan }
        let middle = ordered.count / 2
        return ordered.count % 2 == 1 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2
    }
}

struct BenchError: Error, CustomStringConvertible {
    var description: String
}
