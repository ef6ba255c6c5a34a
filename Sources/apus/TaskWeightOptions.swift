import ApusPlacement
import ArgumentParser

/// How what is free on executors counts where a task is placed.
struct TaskWeightOptions: ParsableArguments {
    private static let heaviest = 1_000_000.0
    private static let exponents = 0...16

    @Option(help: ArgumentHelp("How much free memory counts where a task is placed.", valueName: "n"))
    var taskMemoryWeight = 3.0

    @Option(help: ArgumentHelp("The power of free memory that counts, 0 to 16.", valueName: "n"))
    var taskMemoryExponent = 3

    @Option(help: ArgumentHelp("How much idle cores count where a task is placed.", valueName: "n"))
    var taskCpuWeight = 1.0

    @Option(help: ArgumentHelp("The power of idle cores that counts, 0 to 16.", valueName: "n"))
    var taskCpuExponent = 1

    var weights: LoadWeights {
        LoadWeights(
            memory: LoadWeights.Term(weight: taskMemoryWeight, exponent: taskMemoryExponent),
            cpu: LoadWeights.Term(weight: taskCpuWeight, exponent: taskCpuExponent)
        )
    }

    func validate() throws {
        for (name, weight) in [("memory", taskMemoryWeight), ("cpu", taskCpuWeight)] {
            guard (0...Self.heaviest).contains(weight) else {
                throw ValidationError("--task-\(name)-weight must be 0 to 1000000")
            }
        }
        for (name, exponent) in [("memory", taskMemoryExponent), ("cpu", taskCpuExponent)] {
            guard Self.exponents.contains(exponent) else {
                throw ValidationError("--task-\(name)-exponent must be 0 to 16")
            }
        }
        guard taskMemoryWeight + taskCpuWeight > 0 else {
            throw ValidationError("--task-memory-weight and --task-cpu-weight cannot both be 0: something must count")
        }
    }
}
