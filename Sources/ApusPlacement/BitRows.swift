/// Sets of executors, by ordinal, as rows of one table of bits.
///
/// What is done to whole rows costs a word for 64 executors, and several words a moment: sums that may overflow would
/// keep the processor from taking them together, so indices wrap; they are never beyond the table. How many are in a row is known of those rows that are
/// changed in place; those that are made of two others only know whether they are empty.
struct BitRows: Sendable {
    typealias Row = Int

    private var words: [UInt64] = []
    /// Words of a row; whole groups of eight, which the processor takes together.
    private var stride = 8
    private var populations: [Int] = []
    private var vacant: [Row] = []

    /// Makes room for so many executors.
    mutating func widen(to count: Int) {
        guard count > stride * 64 else { return }
        let wide = max(stride * 2, (count + 511) / 512 * 8)
        var moved = [UInt64](repeating: 0, count: populations.count * wide)
        for row in populations.indices {
            for word in 0..<stride { moved[row * wide + word] = words[row * stride + word] }
        }
        (words, stride) = (moved, wide)
    }

    /// An empty row.
    mutating func take() -> Row {
        if let row = vacant.popLast() { return row }
        words.append(contentsOf: repeatElement(0, count: stride))
        populations.append(0)
        return populations.count - 1
    }

    mutating func giveBack(_ row: Row) {
        if populations[row] != 0 { clear(row) }
        vacant.append(row)
    }

    mutating func clear(_ row: Row) {
        for word in row * stride..<(row + 1) * stride { words[word] = 0 }
        populations[row] = 0
    }

    // MARK: single executors; these know how many are in the row

    func population(of row: Row) -> Int { populations[row] }

    func contains(_ ordinal: Int, in row: Row) -> Bool {
        words[row * stride + ordinal >> 6] & (1 << UInt64(ordinal & 63)) != 0
    }

    mutating func insert(_ ordinal: Int, into row: Row) {
        let (word, bit) = (row * stride + ordinal >> 6, UInt64(1) << UInt64(ordinal & 63))
        guard words[word] & bit == 0 else { return }
        words[word] |= bit
        populations[row] += 1
    }

    mutating func remove(_ ordinal: Int, from row: Row) {
        let (word, bit) = (row * stride + ordinal >> 6, UInt64(1) << UInt64(ordinal & 63))
        guard words[word] & bit != 0 else { return }
        words[word] &= ~bit
        populations[row] -= 1
    }

    mutating func set(_ ordinal: Int, in row: Row, to isIn: Bool) {
        if isIn { insert(ordinal, into: row) } else { remove(ordinal, from: row) }
    }

    // MARK: whole rows

    /// Adds all of one row to the other.
    mutating func unite(_ row: Row, with other: Row) {
        combine(row, other, into: row) { $0 | $1 }
        count(row)
    }

    /// Leaves of the row what is not in the other.
    mutating func subtract(_ other: Row, from row: Row) {
        combine(row, other, into: row) { $0 & ~$1 }
        count(row)
    }

    private mutating func count(_ row: Row) {
        let (row, first, stride) = (row, row * stride, stride)
        populations[row] = words.withUnsafeBufferPointer { words in
            var count = 0
            for word in 0..<stride { count &+= words[first &+ word].nonzeroBitCount }
            return count
        }
    }

    mutating func copy(_ row: Row, to target: Row) { combine(row, row, into: target) { $0 | $1 } }

    func isEmpty(_ row: Row) -> Bool {
        words[row * stride..<(row + 1) * stride].allSatisfy { $0 == 0 }
    }

    /// The target becomes what is in both; false if nothing is.
    @discardableResult
    mutating func intersect(_ left: Row, _ right: Row, into target: Row) -> Bool {
        combine(left, right, into: target) { $0 & $1 }
    }

    /// The target becomes what is in the first alone; false if nothing is.
    @discardableResult
    mutating func subtract(_ right: Row, from left: Row, into target: Row) -> Bool {
        combine(left, right, into: target) { $0 & ~$1 }
    }

    /// False if nothing comes of it.
    @inline(__always)
    @discardableResult
    private mutating func combine(
        _ left: Row,
        _ right: Row,
        into target: Row,
        _ operation: (UInt64, UInt64) -> UInt64
    ) -> Bool {
        let (left, right, target, stride) = (left * stride, right * stride, target * stride, stride)
        return words.withUnsafeMutableBufferPointer { words in
            var any: UInt64 = 0
            for word in 0..<stride {
                let result = operation(words[left &+ word], words[right &+ word])
                words[target &+ word] = result
                any |= result
            }
            return any != 0
        }
    }

    func areDisjoint(_ left: Row, _ right: Row) -> Bool {
        let (left, right, stride) = (left * stride, right * stride, stride)
        return words.withUnsafeBufferPointer { words in
            var group = 0
            while group < stride {
                var common: UInt64 = 0
                for word in 0..<8 { common |= words[left &+ group &+ word] & words[right &+ group &+ word] }
                if common != 0 { return false }
                group &+= 8
            }
            return true
        }
    }

    /// All of the one row are in the other.
    func isSubset(_ row: Row, of other: Row) -> Bool {
        let (row, other, stride) = (row * stride, other * stride, stride)
        return words.withUnsafeBufferPointer { words in
            var beyond: UInt64 = 0
            for word in 0..<stride { beyond |= words[row &+ word] & ~words[other &+ word] }
            return beyond == 0
        }
    }

    /// The first that is in both rows and accepted, from `start` on and then from the beginning.
    func first(in left: Row, and right: Row, from start: Int, where isAccepted: (Int) -> Bool) -> Int? {
        let (left, right, stride) = (left * stride, right * stride, stride)
        let (firstWord, firstBit) = (start >> 6, UInt64(start & 63))
        return words.withUnsafeBufferPointer { words in
            for step in 0...stride {
                var word = firstWord &+ step
                if word >= stride { word &-= stride }
                var rest = words[left &+ word] & words[right &+ word]
                if step == 0 { rest &= ~0 << firstBit }
                if step == stride { rest &= ~(~0 << firstBit) }
                while rest != 0 {
                    let ordinal = word << 6 + rest.trailingZeroBitCount
                    if isAccepted(ordinal) { return ordinal }
                    rest &= rest - 1
                }
            }
            return nil
        }
    }

    /// All in the row, ascending.
    func members(of row: Row) -> [Int] {
        var members: [Int] = []
        members.reserveCapacity(populations[row])
        for word in 0..<stride {
            var rest = words[row * stride + word]
            while rest != 0 {
                members.append(word << 6 + rest.trailingZeroBitCount)
                rest &= rest - 1
            }
        }
        return members
    }
}
