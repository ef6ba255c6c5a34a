import ApusModel
import ArgumentParser
import Foundation

/// Feeds every reader of what comes from outside with broken texts, for as long as it is told.
@main
struct Fuzz: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus-fuzz",
        abstract: "Feeds every decoder with broken input, and checks that none traps, dawdles or loses anything.",
        discussion: """
            An input follows from the decoder's name, the seed and its number alone. The one that is being read is kept \
            in a file, for whatever ends the process is found there: --replay reads it again. Exit code 1: something \
            was found.
            """
    )

    @Option(help: "How long, in seconds, all decoders of this part together.")
    var seconds = 5

    @Option(help: "Another seed gives other inputs.")
    var seed: UInt64 = 1

    @Option(help: "The folder with the tests, of which samples are taken.")
    var tests = "Tests"

    @Option(help: "Of so many parts, which run beside each other, each takes its share of the decoders.")
    var parts = 1

    @Option(help: "Which part this is, from 0.")
    var part = 0

    @Option(help: "Only the decoder of this name.")
    var only: String?

    @Option(help: "The number of the first input.")
    var first = 0

    @Option(help: "The file that holds the input being read.")
    var keep = "apus-fuzz.last"

    @Option(help: "Read the input that such a file holds, and nothing else.")
    var replay: String?

    func validate() throws {
        guard seconds > 0, parts > 0, (0..<parts).contains(part), first >= 0 else {
            throw ValidationError("--seconds and --parts must be above 0, --part below --parts, --first at least 0")
        }
    }

    func run() async throws {
        let corpus = try Corpus(tests)
        try await FuzzedController().leading { api in
            try await feed(try await FuzzTarget.all(corpus: corpus, api: api))
        }
    }

    private func feed(_ targets: [FuzzTarget]) async throws {
        if let replay { return try await again(replay, targets) }
        let chosen = targets.enumerated().filter { only == nil ? $0.offset % parts == part : $0.element.name == only }
            .map(\.element)
        // Of more parts than decoders some have nothing to do.
        guard !chosen.isEmpty || only == nil else {
            throw ValidationError("there is no such decoder; there are \(targets.map(\.name).joined(separator: ", "))")
        }
        let last = try LastInput(keep)
        let share = Duration.seconds(seconds) / max(1, chosen.count)
        var (inputs, failed) = (0, 0)
        for target in chosen {
            let course = FuzzCourse(target: target, seed: seed, first: first)
            say("fuzzing \(target.name) for \(share), seed \(seed), from input \(first) on; now read: \(keep)")
            let result = await course.run(for: share, last)
            for fault in result.faults { say(fault) }
            let isGood = result.faults.isEmpty
            say("\(isGood ? "✔" : "✘") Check fuzz-\(target.name) \(isGood ? "passed" : "failed"): \(result.text)")
            inputs += result.inputs
            if !isGood { failed += 1 }
        }
        let outcome = failed == 0 ? "nothing found" : "FAILED: \(failed) of them"
        say("\(chosen.count) decoders read \(inputs) inputs of seed \(seed) in \(seconds) s: \(outcome)")
        if failed > 0 { throw ExitCode(1) }
    }

    private func again(_ path: String, _ targets: [FuzzTarget]) async throws {
        let (name, input) = try LastInput.read(path)
        guard let target = targets.first(where: { $0.name == name }) else {
            throw ValidationError("\(path) is of a decoder \(name), which there is not")
        }
        say("\(name) reads \(input.count) bytes: \(shown(input))")
        say("\(await target.read(input))")
    }
}

/// At once: what ends the process must not swallow it.
private func say(_ line: String) {
    print(line)
    fflush(nil)
}

/// The beginning of an input, for people.
func shown(_ input: [UInt8]) -> String { String(decoding: input.prefix(600), as: UTF8.self).debugDescription }
