import ApusClient
import ApusController

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Why a command did not do what was asked: a text for people and a code for scripts.
struct CommandFailure: Error {
    enum Code: Int32 {
        case other = 1
        /// No executor has room.
        case placement = 2
        /// Instances fail, or do not become healthy.
        case unhealthy = 3
        case timedOut = 4
        /// It exists already, or its state does not allow it.
        case conflict = 5
        /// Nobody known, or nobody who may.
        case denied = 6
        case unreachable = 7
        /// A configuration that cannot be, as ArgumentParser says it of options.
        case usage = 64
        /// The leader's loop, or all of a controller, came round no more.
        case hung = 70
        /// A task or command has no exit code: it was not accepted, not run, not run to its end, or lost sight of.
        case noExitCode = 125
        /// As a shell reports an end by Ctrl-C.
        case interrupted = 130
    }

    var code: Code
    var message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    init(_ error: ClientError) {
        switch error.code {
        case .unreachable, .timedOut: self.init(.unreachable, "\(error)\n\(Self.howToStart)")
        case .leaderless: self.init(.unreachable, "\(error)\n\(Self.whereToLook)")
        case .untrusted: self.init(.unreachable, "\(error)")
        case .status(401, _):
            self.init(
                .denied,
                "\(error)\nSay who you are with --username and --password-file, or name a cluster of ~/.drove with --cluster."
            )
        case .status(403, _):
            self.init(.denied, "\(error): this user may not do that. Ask for another role, or be another user.")
        case .refused(let texts): self.init(Self.code(of: texts), texts.joined(separator: "\n"))
        // Executors are refused with it too, where Drove's clients expect that.
        case .notFound: self.init(Self.code(of: [error.message]), "\(error)")
        case .status, .unreadable: self.init(.other, "\(error)")
        }
    }

    init(_ hang: Hang) {
        let what =
            switch hang.part {
            case .loop: "the loop of this controller, which leads, has not come round"
            case .process: "this controller has done nothing"
            }
        self.init(
            .hung,
            """
            \(what) for \(hang.silence.components.seconds) s: the process ends, so that another controller can lead and \
            the service manager starts this one again. All containers run on.
            """
        )
    }

    private static let howToStart = "Is a controller running? Start one with `apus dev`, or name it with --endpoint."
    private static let whereToLook = """
        Containers run on meanwhile. A controller leads only while a majority of the ZooKeeper servers answers: look at \
        these, and at what /healthcheck on the admin port of each controller says.
        """

    /// The refusals are Drove's texts, which clients may rely on.
    private static func code(of texts: [String]) -> Code {
        func has(_ part: String) -> Bool { texts.contains { $0.contains(part) } }
        if has("Cluster does not have enough") || has("Required cores exceeds") || has("No executors on cluster") {
            return .placement
        }
        let conflicts = [
            "already exists", "operations allowed for", "allowed for app", "allowed for local service",
            "could not be cancelled", "any instances with the following ids", "no replaceable healthy instances",
            "There are no healthy instances", "has already finished",
            "No other controller stands by", "does not stand by; these do", "is present: end it first",
            "resume it first", "unblacklist it", "tasks would fail", "in maintenance mode",
        ]
        if conflicts.contains(where: has) { return .conflict }
        return has("not the leader controller") ? .unreachable : .other
    }

    func exit() -> Never {
        Terminal.restore()
        Output.error("apus: \(message)")
        _exit(code.rawValue)
    }

    /// Ends the process at once, without its text where whoever reads that takes nothing more: all else may hang for the
    /// same reason.
    func exitUnheldUp() -> Never {
        if Output.takesError { Output.error("apus: \(message)") }
        _exit(code.rawValue)
    }
}
