import ApusModel

/// Makes broken inputs of sound ones: the same ones from the same seed.
struct Mutator: Sendable {
    private static let longest = 64 << 10

    private let samples: [[UInt8]]
    private let seed: UInt64

    /// Of one sample at least.
    init(_ samples: [[UInt8]], name: String, seed: UInt64) {
        self.samples = samples
        self.seed = name.utf8.reduce(seed) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    /// The input of that number; the first ones are the samples as they are.
    func input(_ number: Int) -> [UInt8] {
        if samples.indices.contains(number) { return samples[number] }
        var draw = Draw(seed: seed &+ UInt64(number) &* 0x9E37_79B9_7F4A_7C15)
        var bytes = draw.one(of: samples)
        if draw.chance(1, in: 2) { bytes = restructured(bytes, &draw) }
        if draw.chance(2, in: 3) {
            for _ in 0...draw.below(8) { change(&bytes, &draw) }
        }
        return Array(bytes.prefix(Self.longest))
    }

    /// Changed as JSON, if it is any, or a request whose body is.
    private func restructured(_ bytes: [UInt8], _ draw: inout Draw) -> [UInt8] {
        let head = Self.head(of: bytes)
        do {
            var json = try JSON(parsing: bytes[head.count...])
            for _ in 0...draw.below(3) { json = draw.changed(json) }
            return head + json.bytes
        } catch {
            return bytes
        }
    }

    /// All before and with the first empty line; empty if there is none.
    private static func head(of bytes: [UInt8]) -> [UInt8] {
        let end = UInt8(ascii: "\n")
        let empty = bytes.indices.dropFirst().first { bytes[$0] == end && bytes[$0 - 1] == end }
        return empty.map { Array(bytes[...$0]) } ?? []
    }

    private func change(_ bytes: inout [UInt8], _ draw: inout Draw) {
        guard !bytes.isEmpty else { return bytes = draw.one(of: samples) }
        let range = draw.range(in: bytes.count)
        switch draw.below(10) {
        case 0: bytes[range.lowerBound] ^= 1 << UInt8(draw.below(8))
        case 1: bytes[range.lowerBound] = UInt8(truncatingIfNeeded: draw.next())
        case 2: bytes.insert(UInt8(truncatingIfNeeded: draw.next()), at: range.lowerBound)
        case 3: bytes.removeSubrange(range)
        case 4: bytes.removeSubrange(range.lowerBound...)
        case 5: bytes.insert(contentsOf: bytes[range], at: draw.below(bytes.count + 1))
        case 6:
            let other = draw.one(of: samples)
            bytes.replaceSubrange(range.lowerBound..., with: other.dropFirst(draw.below(other.count + 1)))
        case 7: bytes.insert(contentsOf: draw.repeated(Array(bytes[range]), upTo: Self.longest), at: range.lowerBound)
        default: bytes.replaceSubrange(range, with: draw.text().utf8)
        }
    }
}
