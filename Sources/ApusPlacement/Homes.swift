import ApusModel

/// The number under which the holding of each instance is kept, found by a hash of the instance's id.
///
/// A table of numbers alone: a dictionary by id would compare many texts on the way to a place, each far away in memory.
struct Homes: Sendable {
    /// A slot is 0 where nothing is, else the number and one, with the tag of the id above; what does not find its slot
    /// free is in the next that is.
    private var slots = [UInt64](repeating: 0, count: 16)
    private var count = 0

    private var mask: Int { slots.count - 1 }

    func find(_ instance: InstanceID, _ holdings: [Ledger.Holding?]) -> Int? {
        let tag = Self.tag(of: instance)
        var index = Int(tag) & mask
        while slots[index] != 0 {
            let number = Self.number(in: slots[index])
            if Self.tag(in: slots[index]) == tag, holdings[number]?.instance == instance { return number }
            index = (index + 1) & mask
        }
        return nil
    }

    /// The instance must have none.
    mutating func insert(_ number: Int, of instance: InstanceID) {
        count += 1
        if count * 2 > slots.count { widen() }
        put(UInt64(Self.tag(of: instance)) << 32 | UInt64(number + 1))
    }

    mutating func remove(_ number: Int, of instance: InstanceID) {
        let slot = UInt64(Self.tag(of: instance)) << 32 | UInt64(number + 1)
        var hole = home(of: slot)
        while slots[hole] != slot {
            guard slots[hole] != 0 else { return }
            hole = (hole + 1) & mask
        }
        count -= 1
        // What stands behind moves up, unless it would come before its own place.
        var next = (hole + 1) & mask
        while slots[next] != 0 {
            if (next - home(of: slots[next])) & mask >= (next - hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = 0
    }

    private mutating func put(_ slot: UInt64) {
        var index = home(of: slot)
        while slots[index] != 0 { index = (index + 1) & mask }
        slots[index] = slot
    }

    private mutating func widen() {
        let old = slots
        slots = [UInt64](repeating: 0, count: old.count * 2)
        for slot in old where slot != 0 { put(slot) }
    }

    private func home(of slot: UInt64) -> Int { Int(Self.tag(in: slot)) & mask }
    private static func tag(of instance: InstanceID) -> UInt32 {
        UInt32(truncatingIfNeeded: instance.rawValue.hashValue)
    }
    private static func tag(in slot: UInt64) -> UInt32 { UInt32(slot >> 32) }
    private static func number(in slot: UInt64) -> Int { Int(slot & 0xFFFF_FFFF) - 1 }
}
