import ApusExecutor
import ApusModel
import Foundation
import Testing

/// A process is signalled only if it is one of the container that it is looked for in.
struct ContainerProcessTests {
    private static let container = ContainerID("4f60d1c2")
    private let scratch: Scratch

    init() throws {
        scratch = try Scratch()
        for (pid, groups) in [
            (100, "9:pids:/docker/4f60d1c2\n"), (200, "0::/user.slice\n"), (300, "0::/docker/4f60d1c2"),
        ] {
            let folder = "\(scratch.path)/proc/\(pid)"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try groups.write(toFile: "\(folder)/cgroup", atomically: false, encoding: .utf8)
            let numbers = pid == 300 ? "" : "NSpid:\t\(pid)\t17\n"
            try "Name:\tsh\nPid:\t\(pid)\n\(numbers)".write(
                toFile: "\(folder)/status",
                atomically: false,
                encoding: .utf8
            )
        }
    }

    @Test func `one of the container has two numbers`() throws {
        let process = try #require(try ContainerProcess(100, of: Self.container, kernelBelow: scratch.path))
        #expect((process.pid, process.inner) == (100, 17))
    }

    @Test(arguments: [0, 1, 200, 300, 400])
    func `any other number is none`(pid: Int) throws {
        #expect(try ContainerProcess(pid, of: Self.container, kernelBelow: scratch.path) == nil)
        #expect(try ContainerProcess(100, of: ContainerID(""), kernelBelow: scratch.path) == nil)
    }
}
