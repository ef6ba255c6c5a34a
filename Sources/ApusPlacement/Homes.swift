import ApusModel

/// The number under which the holding of each instance is kept, found by a hash of the instance's id.
///
/// A dictionary by id would compare many texts on the way to a place, each far away in memory.
struct Homes: Sendable {
    private var numbers: [Int: Int] = [:]
    /// Of ids whose hash another one had first.
    private var others: [InstanceID: Int] = [:]

    func find(_ instance: InstanceID, _ holdings: [Ledger.Holding?]) -> Int? {
        if let number = numbers[instance.rawValue.hashValue], holdings[number]?.instance == instance { return number }
        return others.isEmpty ? nil : others[instance]
    }

    /// The instance must have none.
    mutating func insert(_ number: Int, of instance: InstanceID) {
        let hash = instance.rawValue.hashValue
        if numbers[hash] == nil { numbers[hash] = number } else { others[instance] = number }
    }

    mutating func remove(_ number: Int, of instance: InstanceID) {
        let hash = instance.rawValue.hashValue
        if numbers[hash] == number { numbers[hash] = nil } else { others[instance] = nil }
    }
}
