import ApusAgent
import ApusModel

/// An executor's journal on a disk that loses what was not synced, tears what was being written, and fails.
struct SimulatedDisk: Sendable {
    enum Write: Sendable {
        case append([JournalRecord])
        case replace([JournalRecord])

        var count: Int {
            switch self {
            case .append(let records), .replace(let records): records.count
            }
        }
    }

    /// What a process that starts now reads.
    private(set) var journal: [JournalRecord] = []
    /// How many records of the journal are surely written as the process believes.
    private var sound = 0
    /// The highest fence that the process may rely on: its write was reported as done.
    private(set) var fence: Fence?
    /// What the sound journal knows: ids that were taken in, told to stop, and ended.
    private(set) var known: Set<InstanceID> = []
    private(set) var stopped: Set<InstanceID> = []
    private(set) var ended: Set<InstanceID> = []
    /// How many records of the journal the sets speak of.
    private var counted = 0
    /// What is being written.
    private(set) var pending: Write?
    /// Counts the starts of the executor's process.
    private(set) var starts: Int64 = 0

    mutating func begin(_ write: Write) { pending = write }

    /// The write is durable.
    mutating func finish() {
        switch pending {
        case .append(let records):
            // What an earlier failure left behind is cut off first.
            journal.removeSubrange(sound...)
            journal += records
        case .replace(let records):
            journal = records
            forgetCounts()
        case nil: return
        }
        pending = nil
        becomeSound()
    }

    private mutating func becomeSound() {
        sound = journal.count
        for case .fence(let written) in journal[counted...] { fence = max(fence ?? written, written) }
        countNew()
    }

    private mutating func countNew() {
        for record in journal[counted...] { count(record) }
        counted = sound
    }

    private mutating func forgetCounts() { (known, stopped, ended, counted) = ([], [], [], 0) }

    private mutating func count(_ record: JournalRecord) {
        switch record {
        case .accepted(let spec, _, _): known.insert(spec.id)
        case .adopted(let adopted): known.insert(adopted.id)
        case .stopTold(let id, _, _): stopped.insert(id)
        case .ended(let report):
            stopped.insert(report.id)
            ended.insert(report.id)
        case .forgotten(let id):
            known.remove(id)
            stopped.remove(id)
            ended.remove(id)
        case .fence, .container, .restarting, .completed, .settled: break
        }
    }

    /// The write failed, or the process crashed during it: of an append a prefix stays, a replacement is whole or not.
    ///
    /// - Parameter kept: records of an append that stay; a replacement stays if it is not 0.
    mutating func abandon(keeping kept: Int) {
        switch pending {
        case .append(let records):
            journal.removeSubrange(sound...)
            journal += records.prefix(kept)
        case .replace(let records):
            guard kept > 0 else { break }
            journal = records
            sound = journal.count
            forgetCounts()
            countNew()
        case nil: break
        }
        pending = nil
    }

    /// A process starts and takes what it reads as sound.
    mutating func open() -> (journal: [JournalRecord], incarnation: Int64) {
        pending = nil
        becomeSound()
        starts += 1
        return (journal, starts)
    }
}
