import Glibc

/// Small files that are read whole: those in which the kernel tells of the machine, above all.
enum KernelFile {
    /// A whole small file; `nil` if there is none.
    ///
    /// The kernel's files do not tell their size beforehand. `root` stands before the path, for tests.
    static func text(below root: String, _ path: String, atMost limit: Int = .max) throws -> String? {
        let descriptor = open(root + path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let code = errno
            guard code != ENOENT else { return nil }
            throw TopologyError(description: "cannot open \(root)\(path): \(String(cString: strerror(code)))")
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            guard count >= 0 else {
                let code = errno
                throw TopologyError(description: "cannot read \(root)\(path): \(String(cString: strerror(code)))")
            }
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes.append(contentsOf: chunk[..<count])
            guard bytes.count <= limit else {
                throw TopologyError(description: "\(root)\(path) is longer than \(limit) bytes")
            }
        }
    }
}
