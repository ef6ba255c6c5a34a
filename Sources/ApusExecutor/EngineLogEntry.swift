package import ApusContainers
import ApusModel

/// The lines of the engine's json-files.
package enum EngineLogEntry {
    /// When the first of them was written, in nanoseconds of 1970; `nil` if there is no whole line.
    package static func time(ofFirst bytes: [UInt8]) -> Int64? {
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        return entry(bytes[..<end]).flatMap { ContainerLogEntry.nanoseconds($0.time) }
    }

    /// The whole lines that are wanted, as frames; the rest stays.
    package static func frames(of bytes: inout [UInt8], where isWanted: (ContainerLogEntry) -> Bool) -> [UInt8] {
        var frames: [UInt8] = []
        var start = 0
        while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
            if let entry = entry(bytes[start..<end]), isWanted(entry) {
                let length = UInt32(entry.bytes.count)
                frames += [entry.stream == .err ? 2 : 1, 0, 0, 0]
                for shift in stride(from: UInt32(24), through: 0, by: -8) {
                    frames.append(UInt8(truncatingIfNeeded: length >> shift))
                }
                frames += entry.bytes
            }
            start = end + 1
        }
        bytes.removeFirst(start)
        return frames
    }

    /// How the line of an entry ends that was written then, without its line feed.
    package static func ending(at time: ArraySlice<UInt8>) -> [UInt8] {
        var digits = time.dropLast()
        while digits.last == UInt8(ascii: "0") { digits.removeLast() }
        if digits.last == UInt8(ascii: ".") { digits.removeLast() }
        return Array(#""time":""#.utf8) + digits + Array(#"Z"}"#.utf8)
    }

    /// Reads `{"log":"…\n","stream":"stdout","time":"…Z"}`.
    ///
    /// A crash of the engine can leave half a line before the next one on the same line: that half was never whole.
    package static func entry(_ line: ArraySlice<UInt8>) -> ContainerLogEntry? {
        let opening = Array(#"{"log":"#.utf8)
        var rest = line
        while rest.count >= opening.count {
            do {
                let json = try JSON(parsing: rest)
                guard let text = json["log"]?.text, let time = json["time"]?.text.flatMap(fullTime) else { return nil }
                let bytes = time + [UInt8(ascii: " ")] + text.utf8
                guard ContainerLogEntry.beginsWithTime(bytes) else { return nil }
                return ContainerLogEntry(stream: json["stream"]?.text == "stderr" ? .err : .out, bytes: bytes)
            } catch {
                guard let next = rest.dropFirst().indices.first(where: { rest[$0...].starts(with: opening) }) else {
                    return nil
                }
                rest = rest[next...]
            }
        }
        return nil
    }

    /// With all nine digits: here the engine leaves out zeros at the end, and the point with them; see `ending`.
    private static func fullTime(_ text: String) -> [UInt8]? {
        var bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.popLast() == UInt8(ascii: "Z") else { return nil }
        if bytes.count == 19 { bytes.append(UInt8(ascii: ".")) }
        while bytes.count < 29 { bytes.append(UInt8(ascii: "0")) }
        bytes.append(UInt8(ascii: "Z"))
        return bytes.count == ContainerLogEntry.timeLength ? bytes : nil
    }
}
