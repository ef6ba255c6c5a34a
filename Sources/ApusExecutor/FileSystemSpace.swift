#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// How large a file system is, and how much of it is free, in bytes.
package struct FileSystemSpace: Hashable, Sendable {
    package var total: Int64
    /// For programs of ordinary users.
    package var free: Int64

    package init(total: Int64, free: Int64) {
        self.total = total
        self.free = free
    }

    /// Of the one that holds this file or directory; blocks, for as long as the file system's server is away.
    ///
    /// `nil` if what it says makes no sense: some file systems of networks and of users say anything.
    package init?(holding path: String) throws(FileFailure) {
        var system = statvfs()
        guard statvfs(path, &system) == 0 else { throw FileFailure("looking at the disk of", path) }
        let unit = UInt64(system.f_frsize)
        let (total, totalOverflow) = UInt64(system.f_blocks).multipliedReportingOverflow(by: unit)
        let (free, freeOverflow) = UInt64(system.f_bavail).multipliedReportingOverflow(by: unit)
        guard !totalOverflow, !freeOverflow, free <= total, let size = Int64(exactly: total) else { return nil }
        self.total = size
        self.free = Int64(free)
    }
}
