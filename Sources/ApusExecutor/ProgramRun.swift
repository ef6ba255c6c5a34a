import ApusModel
import Glibc
import Synchronization

/// Why a program of this machine told nothing, for people.
package struct ProgramFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String
}

/// One run of a program whose output is wanted: no shell, no input, a deadline, and so many bytes at most.
///
/// It has a process group of its own, which is killed at the end, whatever it left running.
package struct ProgramRun {
    /// Held from a pipe's making to its program's start: no other program may get an end of it.
    private static let starting = Mutex(())

    private let arguments: [String]
    private let deadline: Moment
    private let mostBytes: Int
    private let limit: Duration

    /// What the program prints until it ends; blocks its thread.
    ///
    /// - Throws: `ProgramFailure` if it cannot be started, ends otherwise than with 0, prints more or takes longer.
    package static func output(
        of arguments: [String],
        within limit: Duration,
        atMost mostBytes: Int
    ) throws(ProgramFailure) -> [UInt8] {
        let run = ProgramRun(
            arguments: arguments,
            deadline: Times.current.now + limit,
            mostBytes: mostBytes,
            limit: limit
        )
        return try run.output()
    }

    private func output() throws(ProgramFailure) -> [UInt8] {
        let started = Self.starting.withLock { _ in
            Result { () throws(ProgramFailure) in
                var ends: [Int32] = [-1, -1]
                guard pipe(&ends) == 0 else { throw failure("cannot be started", errno) }
                return (process: try spawn(writing: ends[1], reading: ends[0]), reading: ends[0])
            }
        }
        let (process, reading) = try started.get()
        defer { close(reading) }
        let result: Result<[UInt8], ProgramFailure>
        do throws(ProgramFailure) {
            let bytes = try read(reading)
            try awaitEnd(of: process)
            result = .success(bytes)
        } catch {
            result = .failure(error)
        }
        // What it left behind, and itself if it is still there.
        kill(-process, SIGKILL)
        reap(process)
        return try result.get()
    }

    /// Starts it with `descriptor` for its output, which is closed here, and no other descriptor of ours.
    private func spawn(writing descriptor: Int32, reading: Int32) throws(ProgramFailure) -> pid_t {
        defer { close(descriptor) }
        var isStarted = false
        defer { if !isStarted { close(reading) } }
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        guard posix_spawn_file_actions_init(&actions) == 0, posix_spawnattr_init(&attributes) == 0 else {
            throw failure("cannot be started", ENOMEM)
        }
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, descriptor, STDOUT_FILENO)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        for other in Self.openDescriptors where other > STDERR_FILENO {
            posix_spawn_file_actions_addclose(&actions, other)
        }
        posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK)
        )
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)

        let words = arguments.map { strdup($0) }
        defer { for word in words { free(word) } }
        var process = pid_t()
        let code = posix_spawnp(&process, arguments[0], &actions, &attributes, words + [nil], environ)
        guard code == 0 else { throw failure("cannot be started", code) }
        isStarted = true
        return process
    }

    /// One that is closed meanwhile does no harm.
    private static var openDescriptors: [Int32] {
        guard let folder = opendir("/proc/self/fd") else { return [] }
        defer { closedir(folder) }
        var descriptors: [Int32] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let descriptor = Int32(name) { descriptors.append(descriptor) }
        }
        return descriptors
    }

    private func read(_ descriptor: Int32) throws(ProgramFailure) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while true {
            try awaitInput(descriptor)
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("cannot be read from", errno) }
            guard count > 0 else { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= mostBytes else {
                throw ProgramFailure(description: "\(arguments[0]) prints more than \(mostBytes) bytes")
            }
        }
    }

    private func awaitInput(_ descriptor: Int32) throws(ProgramFailure) {
        while true {
            let left = (deadline - Times.current.now).milliseconds
            guard left > 0 else { throw tooSlow }
            var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            if poll(&wanted, 1, Int32(clamping: left)) > 0 { return }
        }
    }

    private func awaitEnd(of process: pid_t) throws(ProgramFailure) {
        var information = siginfo_t()
        // Its end is seen and left for `reap`, so that its number stays its own until it was killed.
        while waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT | WNOHANG) == 0,
            information.si_signo == 0
        {
            guard Times.current.now < deadline else { throw tooSlow }
            poll(nil, 0, 2)
        }
        let status = information._sifields._sigchld.si_status
        guard information.si_code == CLD_EXITED else {
            throw ProgramFailure(description: "\(arguments[0]) was ended by signal \(status)")
        }
        guard status == 0 else { throw ProgramFailure(description: "\(arguments[0]) ended with status \(status)") }
    }

    private func reap(_ process: pid_t) {
        let end = Times.current.now + .seconds(1)
        // One that even a kill does not end is left to itself.
        while waitpid(process, nil, WNOHANG) == 0, Times.current.now < end { poll(nil, 0, 2) }
    }

    private var tooSlow: ProgramFailure {
        ProgramFailure(description: "\(arguments[0]) does not end within \(limit.milliseconds) ms")
    }

    private func failure(_ what: String, _ code: Int32) -> ProgramFailure {
        ProgramFailure(description: "\(arguments[0]) \(what): \(String(cString: strerror(code)))")
    }
}
