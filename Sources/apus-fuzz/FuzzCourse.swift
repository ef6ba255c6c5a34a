import ApusModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// One decoder, fed for some time.
struct FuzzCourse: Sendable {
    struct Result: Sendable {
        var inputs = 0
        var taken = 0
        var faults: [String] = []

        var text: String { "\(inputs) inputs, \(taken) of them taken" }
    }

    /// For an input of at most 64 KiB, on a machine that has other work too.
    private static let longestRead = Duration.seconds(1)
    /// Whoever has not read it by then never will: the process ends by a signal, and the input is found in its file.
    private static let hang: UInt32 = 60
    private static let mostFaults = 5

    let target: FuzzTarget
    let seed: UInt64
    let first: Int

    func run(for span: Duration, _ last: LastInput) async -> Result {
        guard !target.samples.isEmpty else {
            return Result(faults: ["\(target.name) has no samples: no text of the corpus is one of it"])
        }
        let end = ContinuousClock.now + span
        let mutator = Mutator(target.samples, name: target.name, seed: seed)
        var result = Result()
        var number = first
        // The samples themselves at least.
        while (ContinuousClock.now < end || number < target.samples.count), result.faults.count < Self.mostFaults {
            let input = mutator.input(number)
            last.keep(input, of: target.name, seed, number)
            alarm(Self.hang)
            if let fault = await read(input, &result) {
                result.faults.append("\(target.name), seed \(seed), input \(number): \(fault); it is \(shown(input))")
            }
            number += 1
        }
        alarm(0)
        if result.taken == 0, first == 0 { result.faults.append("\(target.name) takes none of its samples") }
        return result
    }

    /// - Returns: what is wrong with how it was read.
    private func read(_ input: [UInt8], _ result: inout Result) async -> String? {
        result.inputs += 1
        let begin = ContinuousClock.now
        let outcome = await target.read(input)
        if ContinuousClock.now - begin > Self.longestRead {
            // The machine may have been away.
            let again = ContinuousClock.now
            _ = await target.read(input)
            let took = ContinuousClock.now - again
            guard took <= Self.longestRead else { return "reading \(input.count) bytes took \(took)" }
        }
        switch outcome {
        case .taken: result.taken += 1
        case .refused: break
        case .wrong(let what): return what
        }
        return nil
    }
}
