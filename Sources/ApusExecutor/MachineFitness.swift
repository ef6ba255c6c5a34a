package import ApusContainers
package import ApusModel

/// What is known of a machine that an executor is to run on, and whether it is fit for one.
///
/// Pure: whoever looks at the machine fills it in. What is `nil` or empty could not be told.
package struct MachineFitness: Sendable {
    package enum Engine: Sendable {
        case answers(EngineVersion, EngineInfo)
        /// Why not.
        case silent(String)
    }

    /// A folder that an executor or its engine fills.
    package struct Folder: Sendable {
        package enum Space: Sendable {
            case known(FileSystemSpace)
            /// Why not.
            case unknown(String)
        }

        /// `state` say.
        package var name: String
        package var path: String
        package var space: Space

        package init(name: String, path: String, space: Space) {
            self.name = name
            self.path = path
            self.space = space
        }
    }

    package struct Port: Sendable {
        package var number: Int
        /// `the API of a controller` say.
        package var purpose: String
        package var isFree: Bool

        package init(number: Int, purpose: String, isFree: Bool) {
            self.number = number
            self.purpose = purpose
            self.isFree = isFree
        }
    }

    package enum Clock: Sendable {
        case synchronised, adrift, unknown
    }

    package var socket: String
    package var engine: Engine
    /// This user may not open the engine's socket.
    package var isSocketForbidden = false
    package var user = ""
    package var kernel: String?
    /// 1 or 2.
    package var cgroupVersion: Int?
    /// `cpuset` and `memory`, say.
    package var cgroupControllers: Set<String> = []
    /// As an executor would offer it.
    package var topology: Topology?
    /// Why there is none.
    package var topologyFault = ""
    package var availableMemoryMB: Int64?
    package var totalMemoryMB: Int64?
    package var swapMB: Int64?
    /// The limit of this process.
    package var openFiles: UInt64?
    package var clock = Clock.unknown
    package var folders: [Folder] = []
    package var ports: [Port] = []

    package init(socket: String, engine: Engine) {
        self.socket = socket
        self.engine = engine
    }

    /// All that was looked at, in a fixed order.
    package var findings: [Finding] {
        var findings = engineFindings
        let machine = [kernelFinding, cgroupFinding, coresFinding, memoryFinding, swapFinding]
        findings += machine.compactMap(\.self)
        findings += folders.map(\.finding)
        findings += [openFilesFinding, clockFinding].compactMap(\.self)
        findings += ports.map(\.finding)
        return findings + [networkFinding]
    }
}
