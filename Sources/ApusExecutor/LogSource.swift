package import ApusModel

/// Tells what containers write.
package protocol LogSource: Sendable {
    /// What a container has written after `position`, and perhaps some of what stands before, as frames.
    ///
    /// Returns at the end of what there is; with `following` it waits for more until the container has stopped, or for
    /// ever. `notice` is called before anything is told by `each`, which may take its time. Throws `notFound` if the
    /// container is gone.
    func logs(
        of id: ContainerID,
        after position: LogPosition,
        following: Bool,
        notice: (LogNotice) -> Void,
        each: ([UInt8]) async -> Void
    ) async throws
}

/// What a source knows of its telling before it begins.
package enum LogNotice: Hashable, Sendable {
    /// All that there is now can be read to its end, though the container be removed meanwhile.
    case held
    /// It tells in the order of writing, from before the last line of the position on, or from the first line if the
    /// position has none. It stands within so many bytes, frames and all. Who does not say so tells whatever is not much
    /// older than that line.
    case inOrder(within: Int)
}
