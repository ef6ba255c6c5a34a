/// Files as a tar archive in the form of POSIX (ustar), readable for all, owned by root.
package struct TarArchive: Sendable {
    private static let block = 512

    private var bytes: [UInt8] = []

    package init() {}

    /// Adds a file at an absolute path; folders that are not there are made by whoever unpacks it.
    ///
    /// A name of more than 100 bytes goes before the file as a record of its own, as GNU tar and Docker's reader know
    /// it.
    package mutating func add(_ path: String, _ content: [UInt8], mode: Int = 0o644) {
        let name = Array(path.drop { $0 == "/" }.utf8)
        if name.count >= 100 {
            append(Self.header(Array("././@LongLink".utf8), size: name.count + 1, mode: 0o644, type: "L"), name + [0])
        }
        append(Self.header(Array(name.prefix(99)), size: content.count, mode: mode, type: "0"), content)
    }

    /// The archive with its end.
    package var content: [UInt8] { bytes + [UInt8](repeating: 0, count: 2 * Self.block) }

    private mutating func append(_ header: [UInt8], _ content: [UInt8]) {
        bytes += header
        bytes += content
        let rest = content.count % Self.block
        if rest > 0 { bytes += [UInt8](repeating: 0, count: Self.block - rest) }
    }

    private static func header(_ name: [UInt8], size: Int, mode: Int, type: Unicode.Scalar) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: block)
        func put(_ field: [UInt8], at offset: Int) {
            header.replaceSubrange(offset..<offset + field.count, with: field)
        }
        func octal(_ number: Int, digits: Int) -> [UInt8] {
            let text = String(number, radix: 8)
            return Array((String(repeating: "0", count: max(0, digits - text.count)) + text).utf8)
        }
        put(name, at: 0)
        put(octal(mode, digits: 7), at: 100)
        put(octal(0, digits: 7), at: 108)
        put(octal(0, digits: 7), at: 116)
        put(octal(size, digits: 11), at: 124)
        put(octal(0, digits: 11), at: 136)
        header[156] = UInt8(ascii: type)
        put(Array("ustar".utf8), at: 257)
        put(Array("00".utf8), at: 263)
        // The sum is taken with blanks in its own place.
        put([UInt8](repeating: UInt8(ascii: " "), count: 8), at: 148)
        let sum = header.reduce(0) { $0 + Int($1) }
        put(octal(sum, digits: 6) + [0, UInt8(ascii: " ")], at: 148)
        return header
    }
}
