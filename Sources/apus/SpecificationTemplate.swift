import ApusModel
import ArgumentParser

/// A commented specification in YAML.
///
/// What may be left out stands behind a # in the first column, indented as without it; a comment of words has exactly
/// one space behind it. So all fields can be had by taking these # away, which a test does.
struct SpecificationTemplate {
    enum Kind: String, ExpressibleByArgument, CaseIterable {
        case app, task, localservice

        /// What takes its file.
        var command: String {
            switch self {
            case .app: "apus apply"
            case .task: "apus tasks run"
            case .localservice: "apus localservices create"
            }
        }
    }

    let kind: Kind
    let name: String
    let image: String
    let port: Int

    /// All of it, without an end of line at its end.
    var text: String {
        let parts =
            switch kind {
            case .app:
                [head, executable, ports, resources, checks, Self.exposure, Self.placement, Self.preShutdown]
                    + Self.common
            case .task: [head, executable, resources, Self.placement] + Self.common
            case .localservice:
                [head, executable, ports, resources, checks, Self.localPlacement, Self.preShutdown] + Self.common
            }
        return parts.joined(separator: "\n\n")
    }

    /// In quotes, with what YAML would take for something else escaped.
    private func quoted(_ text: String) -> String { JSON.string(text).serialized }

    private var head: String {
        let about = """
            # For: \(kind.command) FILE
            # What begins with # and a field may be left out. Take the # away to say it; what holds otherwise is told beside it.
            """
        return switch kind {
        case .app:
            """
            \(about)

            # Name and version are its id, NAME-VERSION. What runs is never changed: a change needs another version.
            name: \(quoted(name))
            version: "1"
            type: SERVICE
            """
        case .task:
            """
            \(about)

            # The application that it belongs to, and a name that no other task of that one has: SOURCE/TASK.
            sourceAppName: \(quoted(name))
            taskId: "1"
            """
        case .localservice:
            """
            \(about)

            # Name and version are its id, NAME-VERSION. It runs on every executor once it is activated.
            name: \(quoted(name))
            version: "1"
            type: LOCAL_SERVICE
            # Whether a new executor takes other work only when it is healthy there. Default: true.
            #required: false
            """
        }
    }

    private var executable: String {
        """
        # What to run, and when to give up fetching it.
        executable:
          type: DOCKER
          url: \(quoted(image))
          dockerPullTimeout: 5m
        """
    }

    private var ports: String {
        """
        # Where the container listens: HTTP, HTTPS, TCP or UDP. Each gets a free port of the host.
        exposedPorts:
        - name: main
          port: \(port)
          type: HTTP
        """
    }

    private var resources: String {
        """
        # What an instance has for itself: whole cores, and memory that it is ended for exceeding.
        resources:
        - type: CPU
          count: 1
        - type: MEMORY
          sizeInMB: 128
        # Disk that is held for it on its executor. Default: none is asked for.
        #- type: DISK
        #  sizeInMB: 1024
        """
    }

    private var checks: String {
        """
        # When a new instance counts: asked every interval until it passes, at most so many attempts.
        readiness:
        \(check(interval: "1s", attempts: 60))
        # Whether an instance still works: replaced when it fails so many attempts in a row.
        # A command in the container, which passes with exit code 0, is {type: CMD, command: test -e /ready}.
        healthcheck:
        \(check(interval: "5s", attempts: 3))
        """
    }

    private func check(interval: String, attempts: Int) -> String {
        """
          mode:
            type: HTTP
            protocol: HTTP
            portName: main
            path: /
            verb: GET
            successCodes: [200]
        # What is sent with it; how long connecting may take, 1s by default; true takes any certificate.
        #    payload: ping
        #    connectionTimeout: 1s
        #    insecure: false
          timeout: 1s
          interval: \(interval)
          attempts: \(attempts)
        # How long to wait before the first. Default: not at all.
        #  initialDelay: 2s
        """
    }
}
