import CZlib

/// How rotated log files are compressed: gzip, in members of one block of text each.
///
/// A member tells its own length in its header, so that any part of a file is read without what stands before it. To
/// other tools (`zcat`, `zgrep`) the members are one text.
package enum LogGzip {
    /// The text of each member but the last.
    package static let block = 256 << 10
    package static let headerLength = 20
    /// The text's checksum and length.
    static let trailerLength = 8

    /// With an extra field (RFC 1952 §2.3.1.1) of the name `AP` that holds four bytes, the member's length.
    private static let beginning: [UInt8] = [
        0x1F, 0x8B, 8, 4, 0, 0, 0, 0, 0, 255, 8, 0, UInt8(ascii: "A"), UInt8(ascii: "P"), 4, 0,
    ]

    /// That text as a member; `nil` for want of memory alone.
    package static func member(_ text: [UInt8]) -> [UInt8]? {
        var length = compressBound(UInt(text.count))
        var stream = [UInt8](repeating: 0, count: Int(length))
        // Fast: logs are nearly as small by it, and the machine is there for the containers.
        guard compress2(&stream, &length, text, UInt(text.count), Z_BEST_SPEED) == Z_OK else { return nil }
        // Without what stands around it in zlib's own format.
        let deflated = stream[2..<(Int(length) - 4)]
        let checksum = crc32(0, text, UInt32(text.count))
        return beginning + littleEndian(UInt32(headerLength + deflated.count + trailerLength)) + deflated
            + littleEndian(UInt32(checksum)) + littleEndian(UInt32(text.count))
    }

    /// How long the member of that header is; `nil` if nothing of ours begins so.
    package static func length(ofMember header: [UInt8]) -> Int? {
        guard header.count == headerLength, header.starts(with: beginning) else { return nil }
        let length = number(header[16...])
        return length > headerLength + trailerLength ? length : nil
    }

    /// How long the text of a member is that ends so.
    static func length(ofText trailer: [UInt8]) -> Int { number(trailer.suffix(4)) }

    /// The text of a member; `nil` if it is damaged.
    package static func text(ofMember member: [UInt8]) -> [UInt8]? {
        var text = [UInt8](repeating: 0, count: block)
        var stream = z_stream()
        // 16 more than the window's bits: gzip, with its checksum.
        let size = Int32(MemoryLayout<z_stream>.size)
        guard inflateInit2_(&stream, MAX_WBITS + 16, ZLIB_VERSION, size) == Z_OK else { return nil }
        defer { inflateEnd(&stream) }
        var member = member
        let result = member.withUnsafeMutableBufferPointer { input in
            text.withUnsafeMutableBufferPointer { output in
                (stream.next_in, stream.avail_in) = (input.baseAddress, UInt32(input.count))
                (stream.next_out, stream.avail_out) = (output.baseAddress, UInt32(output.count))
                return inflate(&stream, Z_FINISH)
            }
        }
        guard result == Z_STREAM_END else { return nil }
        return Array(text.prefix(Int(stream.total_out)))
    }

    private static func littleEndian(_ number: UInt32) -> [UInt8] {
        stride(from: UInt32(0), through: 24, by: 8).map { UInt8(truncatingIfNeeded: number >> $0) }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int {
        bytes.reversed().reduce(0) { $0 << 8 | Int($1) }
    }
}
