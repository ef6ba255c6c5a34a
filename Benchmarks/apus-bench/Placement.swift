import ApusModel
import ApusPlacement
import ArgumentParser

/// What placing costs on one core, and how well it packs; no engine is needed.
///
/// The rates are by the processor's time of the one thread; the ratio is the aim to the figure.
struct Placement: AsyncParsableCommand {
    @Option(help: "Rounds; the figure is their median.") var rounds = 3

    func run() async throws {
        let cluster = PlacementFigures(executors: 5000)
        try rate(
            "placement-plain",
            of: PlacementFigures.Work(applications: 200, instances: 1000, memoryMB: 4096, inTurns: true),
            on: cluster,
            aim: 500_000,
            against: "Kubernetes scheduler_perf 680-810/s, Nomad C1M 3750/s"
        )
        let spread = PlacementPolicy.composite(policies: [.onePerHost, .spread(SpreadPolicy(.zone))], combiner: .and)
        try rate(
            "placement-spread",
            of: PlacementFigures.Work(applications: 200, instances: 500, memoryMB: 4096, policy: spread, inTurns: true),
            on: cluster,
            aim: 150_000,
            against: "hard zone spread, one per host; Kubernetes scheduler_perf 160-460/s"
        )
        try twoMillion()
        packing(PlacementFigures(executors: 500))
    }

    private func rate(
        _ name: String,
        of work: PlacementFigures.Work,
        on cluster: PlacementFigures,
        aim: Double,
        against: String
    ) throws {
        var rates: [Double] = []
        for round in 1...max(1, rounds) {
            let spent = try cluster.place(work)
            rates.append(Double(work.count) / spent.processor)
            print(
                "round \(round): \(work.count) placed on \(cluster.executors) executors in "
                    + "\(rounded(spent.processor)) s of one core, \(rounded(spent.wall)) s on the wall"
            )
        }
        Row(
            name: name,
            value: rates.median,
            unit: "decisions/s",
            against: against,
            ratio: aim / rates.median,
            aim: 1
        ).show()
    }

    /// Cores are shared six times, so that so many fit.
    private func twoMillion() throws {
        let cluster = PlacementFigures(executors: 6100, sharing: .shared(multiplier: 6))
        let work = PlacementFigures.Work(applications: 200, instances: 10_000, memoryMB: 512, inTurns: false)
        let spent = try cluster.place(work)
        print("2000000 placed on 6100 executors in \(rounded(spent.wall)) s on the wall")
        Row(
            name: "placement-2m",
            value: spent.processor,
            unit: "s",
            against: "Nomad C2M 1334 s end to end, not comparable",
            ratio: spent.processor / 5,
            aim: 1
        ).show()
    }

    private func packing(_ cluster: PlacementFigures) {
        let (ours, theirs) = (Packing.bestFit(cluster), Packing.firstFit(cluster))
        for (index, fill) in Packing.fills.enumerated() {
            Row(
                name: "placement-largest-\(Int(fill * 100))",
                value: Double(ours.largest[index]),
                unit: "cores still fit at \(Int(fill * 100)) % fill",
                against: "first fit in random order \(theirs.largest[index])",
                ratio: Double(theirs.largest[index]) / Double(ours.largest[index]),
                aim: 1
            ).show()
        }
        let (stranded, theirStranded) = ((ours.stranded ?? 1) * 100, (theirs.stranded ?? 1) * 100)
        Row(
            name: "placement-stranded",
            value: stranded,
            unit: "% of the cores free at the first refusal",
            against: "first fit in random order \(rounded(theirStranded)) %",
            ratio: stranded / theirStranded,
            aim: 1
        ).show()
    }
}
