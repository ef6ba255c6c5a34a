/// A set of core slots, as a bitmap.
struct CoreSet: Hashable, Sendable {
    /// Slots from here on are not kept: no machine has them, and a wrong report must not cost gigabytes.
    static let limit = 1 << 20

    private var words: [UInt64] = []
    private(set) var count = 0

    init() {}

    init(_ slots: some Sequence<Int>) {
        for slot in slots { insert(slot) }
    }

    func contains(_ slot: Int) -> Bool {
        guard slot >= 0, slot >> 6 < words.count else { return false }
        return words[slot >> 6] & (1 << UInt64(slot & 63)) != 0
    }

    /// Adds the slot; false if it was there already or is beyond the limit.
    @discardableResult
    mutating func insert(_ slot: Int) -> Bool {
        guard slot >= 0, slot < Self.limit, !contains(slot) else { return false }
        while words.count <= slot >> 6 { words.append(0) }
        words[slot >> 6] |= 1 << UInt64(slot & 63)
        count += 1
        return true
    }

    /// Removes the slot; false if it was not there.
    @discardableResult
    mutating func remove(_ slot: Int) -> Bool {
        guard contains(slot) else { return false }
        words[slot >> 6] &= ~(1 << UInt64(slot & 63))
        count -= 1
        return true
    }

    /// The lowest slots, ascending; fewer if there are not that many.
    func lowest(_ wanted: Int) -> [Int] {
        var slots: [Int] = []
        slots.reserveCapacity(min(max(0, wanted), count))
        for (index, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                guard slots.count < wanted else { return slots }
                slots.append(index << 6 + rest.trailingZeroBitCount)
                rest &= rest - 1
            }
        }
        return slots
    }

    var all: [Int] { lowest(count) }
}
