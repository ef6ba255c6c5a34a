#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Files of the directory that are too large to be read whole.
extension StateDirectory {
    /// Whether there is a file of that name, or one that cannot be looked at.
    package func holds(_ name: String) -> Bool { access(path(of: name), F_OK) == 0 || errno != ENOENT }

    /// Gives a file another name, in place of the file that has that one.
    func move(_ name: String, to other: String) throws(StoreError) {
        guard rename(path(of: name), path(of: other)) == 0 else { throw .system("renaming", path(of: name)) }
    }

    /// Gives a file a second name, which nothing has yet.
    func keep(_ name: String, as other: String) throws(StoreError) {
        guard link(path(of: name), path(of: other)) == 0 else { throw .system("keeping", path(of: name)) }
    }

    /// Removes a file, if it is there.
    func discard(_ name: String) throws(StoreError) {
        guard unlink(path(of: name)) == 0 || errno == ENOENT else { throw .system("removing", path(of: name)) }
    }

    /// Returns when names that were given or taken are on the disk.
    func sync() throws(StoreError) { try Self.sync(directory: path) }
}
