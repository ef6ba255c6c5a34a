import ApusTestKit
import Foundation

/// Waits until this machine does next to nothing: what one contestant leaves behind (network namespaces that the kernel
/// takes down, file systems that are unmounted) must not count against the next.
func machineRests() async throws {
    var before = try ProcessorTimes()
    try await until("the machine rests", within: .seconds(60), every: .milliseconds(500)) {
        let now = try ProcessorTimes()
        defer { before = now }
        let share = now.busy(since: before)
        guard share < 0.1 else {
            throw BenchError(description: "its processors are busy for \(rounded(share * 100)) %")
        }
    }
}

/// What all processors have done since the machine's start, in ticks of the kernel.
private struct ProcessorTimes {
    private let busy: Double
    private let all: Double

    init() throws {
        let text = try String(contentsOfFile: "/proc/stat", encoding: .utf8)
        let fields = text.prefix { $0 != "\n" }.split(separator: " ").dropFirst().compactMap { Double($0) }
        // user, nice, system, idle, iowait, irq, softirq, steal
        guard fields.count >= 8 else { throw BenchError(description: "/proc/stat does not begin as it should") }
        all = fields[..<8].reduce(0, +)
        busy = all - fields[3] - fields[4]
    }

    /// 1 if no processor rested.
    func busy(since earlier: ProcessorTimes) -> Double {
        all > earlier.all ? (busy - earlier.busy) / (all - earlier.all) : 1
    }
}
