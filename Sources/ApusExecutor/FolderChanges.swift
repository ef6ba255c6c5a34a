import ApusModel
import Dispatch
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Tells when files in folders are written, so that nobody has to look again and again (inotify(7)).
package final class FolderChanges: Sendable {
    /// What is written in bursts is told at most so often, in microseconds.
    private static let rest: UInt32 = 20_000
    private static let events = UInt32(IN_MODIFY | IN_CREATE | IN_MOVED_TO)

    private let descriptor: Int32
    private let queue = DispatchQueue(label: "apus.folder-changes")
    private let told = Mutex<[Int32: AsyncStream<Void>.Continuation]>([:])
    // proof: set before anybody else sees this, and then only cancelled, at its end.
    private nonisolated(unsafe) let sources: [any DispatchSourceProtocol]

    /// `nil` where the kernel gives none: its users have a limit of them.
    ///
    /// Whatever the kernel says, something is told every `interval`.
    package init?(interval: Duration = .seconds(30)) {
        descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        guard descriptor >= 0 else { return nil }
        let changes = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
        let timer = DispatchSource.makeTimerSource(queue: queue)
        sources = [changes, timer]
        changes.setEventHandler { [weak self] in self?.tell() }
        changes.setCancelHandler { [descriptor] in closeFile(descriptor) }
        timer.setEventHandler { [weak self] in self?.tellAll() }
        let pause = DispatchTimeInterval.nanoseconds(Int(interval.nanoseconds))
        timer.schedule(deadline: .now() + pause, repeating: pause)
        changes.activate()
        timer.activate()
    }

    deinit { for source in sources { source.cancel() } }

    /// Something after each change in the folder, and now and then; `nil` where the kernel does not tell.
    ///
    /// One at a time for each folder. What changes between two looks is told once.
    package func changes(in folder: String) -> AsyncStream<Void>? {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        // Within the lock: its number may be that of one that ends just now.
        let number = told.withLock { told in
            let number = inotify_add_watch(descriptor, folder, Self.events)
            if number >= 0 { told[number] = continuation }
            return number
        }
        guard number >= 0 else { return nil }
        continuation.onTermination = { [weak self] _ in self?.forget(number, continuation) }
        return stream
    }

    private func forget(_ number: Int32, _ continuation: AsyncStream<Void>.Continuation) {
        told.withLock { told in
            guard told[number] == continuation else { return }
            told[number] = nil
            inotify_rm_watch(descriptor, number)
        }
    }

    /// Reads what the kernel has to say; called on the queue.
    private func tell() {
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        var changed: Set<Int32> = []
        let header = MemoryLayout<inotify_event>.size
        while true {
            let count = read(descriptor, &bytes, bytes.count)
            guard count > 0 else { break }
            bytes.withUnsafeBytes { bytes in
                var offset = 0
                while offset + header <= count {
                    let event = bytes.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                    changed.insert(event.wd)
                    offset += header + Int(event.len)
                }
            }
        }
        // Without a number: more happened than the kernel kept.
        if changed.contains(-1) { tellAll() }
        let told = told.withLock { told in changed.compactMap { told[$0] } }
        for continuation in told { continuation.yield() }
        // The queue's own thread.
        usleep(Self.rest)
    }

    private func tellAll() {
        for continuation in told.withLock({ Array($0.values) }) { continuation.yield() }
    }
}
