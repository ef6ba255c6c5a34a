package import ApusModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A process of a container, found on this machine.
package struct ContainerProcess: Hashable, Sendable {
    /// As this machine counts.
    package let pid: Int
    /// As the container counts.
    package let inner: Int

    /// Looks at the kernel's files; blocks.
    ///
    /// `nil` if there is none of that number, or it is no process of that container: another took its number, or the
    /// engine runs on another machine. `root` stands before `/proc`, for tests.
    package init?(_ pid: Int, of container: ContainerID, kernelBelow root: String = "") throws {
        guard pid > 1, !container.rawValue.isEmpty,
            let groups = try KernelFile.text(below: root, "/proc/\(pid)/cgroup"), groups.contains(container.rawValue),
            let status = try KernelFile.text(below: root, "/proc/\(pid)/status")
        else { return nil }
        // Of each namespace that it is in, the innermost last.
        let line = status.split(separator: "\n").first { $0.hasPrefix("NSpid:") }
        guard let inner = line?.split(whereSeparator: \.isWhitespace).last.flatMap({ Int($0) }) else { return nil }
        self.pid = pid
        self.inner = inner
    }

    /// Signals it and whatever it began in its process group.
    ///
    /// - Returns: false if this user may not; done if it is gone.
    func signal(_ number: Int32) -> Bool {
        let process = pid_t(pid)
        return kill(getpgid(process) == process ? -process : process, number) == 0 || errno == ESRCH
    }
}
