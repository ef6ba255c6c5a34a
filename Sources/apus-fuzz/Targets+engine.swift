import ApusContainers
import ApusExecutor
import ApusModel

extension FuzzTarget {
    /// What a container engine answers.
    static func engineAnswers(_ corpus: Corpus) -> [FuzzTarget] {
        [
            once("container-details", corpus, [details]) { _ = try ContainerDetails(engineJSON: $0) },
            once("container-summary", corpus, [summary]) { _ = try ContainerSummary(engineJSON: $0) },
            once("container-stats", corpus, [stats]) { json in
                guard ContainerStats(engineJSON: json) != nil else { throw JSONError("it does not run") }
            },
            once("container-event", corpus, [event]) { json in
                guard try ContainerEvent(engineJSON: json) != nil else { throw JSONError("of another kind") }
            },
            once("engine-info", corpus, [#"{"DockerRootDir":"/d","Driver":"overlay2","Warnings":["w"]}"#]) {
                _ = EngineInfo(engineJSON: $0)
            },
            once("pull-progress", corpus, [pull]) { json in
                var progress = PullProgress()
                if case .array(let lines) = json { lines.forEach { progress.take($0) } } else { progress.take(json) }
                guard !progress.text.isEmpty else { throw JSONError("of no layer") }
            },
            once("engine-message", [#"{"message":"no such container"}"#]) {
                !EngineAnswer(status: 404, body: $0).message.isEmpty
            },
            once("hijack-answer", [hijack, hijack.replacing("101 UPGRADED", with: "404 Not Found")]) { bytes in
                var answer = HijackAnswer()
                guard answer.isWhole(bytes) else { return false }
                return !answer.body(bytes).isEmpty && answer.status > 0
            },
            once("execution-frames", ["\u{1}\0\0\0\0\0\0\u{3}hi\n\u{2}\0\0\0\0\0\0\u{4}bad\n"]) { bytes in
                var frames = ExecutionFrames(hasTerminal: false)
                return try !(frames.take(Array(bytes.prefix(11))) + frames.take(Array(bytes.dropFirst(11)))).isEmpty
            },
            once("command-output", ["\u{1}\0\0\0\0\0\0\u{3}hi\n\u{2}\0\0\0\0\0\0\u{4}bad\n"]) { bytes in
                var output = CommandOutput()
                output.take(bytes.prefix(11))
                output.take(bytes.dropFirst(11))
                return !output.lastLine.isEmpty
            },
        ]
    }

    private static let details = """
        {"Id":"c1","Name":"/a","Config":{"Labels":{"x":"y"}},"State":{"Status":"exited","ExitCode":1,"OOMKilled":false,\
        "Error":"","StartedAt":"2026-11-21T03:13:58.266176615Z"},\
        "NetworkSettings":{"Ports":{"8000/tcp":[{"HostIp":"0.0.0.0","HostPort":"32768"}],"53/udp":null}}}
        """
    private static let summary = #"{"Id":"c1","Names":["/a"],"Labels":{"x":"y"},"State":"running"}"#
    private static let stats = """
        {"cpu_stats":{"cpu_usage":{"total_usage":123},"throttling_data":{"throttled_periods":1}},\
        "memory_stats":{"usage":4096,"limit":8192,"stats":{"inactive_file":12}},\
        "networks":{"eth0":{"tx_bytes":1,"rx_bytes":2,"tx_errors":3,"rx_dropped":4}},\
        "blkio_stats":{"io_service_bytes_recursive":[{"op":"Read","value":5},{"op":"write","value":6}]},\
        "pids_stats":{"current":7}}
        """
    private static let event = """
        {"Action":"die","Actor":{"ID":"c1","Attributes":{"exitCode":"137","x":"y"}},"timeNano":1753000000000000000}
        """
    private static let pull = """
        [{"id":"1.0","status":"Pulling from a"},{"id":"l1","status":"Pulling fs layer"},\
        {"id":"l1","status":"Downloading","progressDetail":{"current":5,"total":10}},{"id":"l1","status":"Pull complete"}]
        """
    private static let hijack = "HTTP/1.1 101 UPGRADED\r\nContent-Length: 3\r\nUpgrade: tcp\r\n\r\nabc"

    /// What containers have written, as the engine and as we keep it.
    static func logs() -> [FuzzTarget] {
        [
            once("engine-log", [engineLog]) { bytes in
                let entries = try Self.entries(of: bytes)
                var lines = LogLines(longest: 1000)
                for entry in entries { _ = lines.take(entry) }
                return !entries.isEmpty && lines.rest().allSatisfy { $0.bytes.last == UInt8(ascii: "\n") }
            },
            once("engine-frames", [Self.framed(engineLog)]) { bytes in
                var reader = ContainerLogFrames(of: ContainerID("c1"))
                var count = 0
                for start in stride(from: 0, to: bytes.count, by: 100) {
                    count += try reader.take(Array(bytes[start..<min(start + 100, bytes.count)])).count
                }
                return count > 0
            },
            once("engine-log-search", [engineLog]) { bytes in
                let ending = EngineLogEntry.ending(at: Array("2026-11-21T10:42:37.100000000Z".utf8)[...])
                var trail = EngineLogTrail(.out, ending, from: 0, to: .max)
                for start in stride(from: 0, to: bytes.count, by: 1000) {
                    trail.take(Array(bytes[start..<min(start + 1000, bytes.count)]))
                }
                return trail.start.map { trail.beginning <= $0 } ?? false
            },
            once("log-position", [log]) { LogPosition(after: String(decoding: $0, as: UTF8.self)).since != nil },
            FuzzTarget("log-gzip", [LogGzip.member(Array(log.utf8)) ?? [], Array(log.utf8)]) { bytes in
                _ = LogGzip.length(ofMember: Array(bytes.prefix(LogGzip.headerLength)))
                if !bytes.isEmpty, let member = LogGzip.member(bytes), LogGzip.text(ofMember: member) != bytes {
                    return .wrong("it is another text when it was compressed")
                }
                return LogGzip.text(ofMember: bytes) == nil ? .refused : .taken
            },
            once("core-list", ["0-3,8,10-11", "0"]) { bytes in
                let numbers = try CoreList.numbers(String(decoding: bytes, as: UTF8.self))
                guard try CoreList.numbers(CoreList.text(numbers)) == numbers else { throw Broken("other numbers") }
                return true
            },
        ]
    }

    /// Those of the engine's file, as they would come in its stream.
    private static func entries(of bytes: [UInt8]) throws -> [ContainerLogEntry] {
        var unread = bytes
        let frames = EngineLogEntry.frames(of: &unread) { _ in true }
        _ = EngineLogEntry.time(ofFirst: bytes)
        var reader = ContainerLogFrames(of: ContainerID("c1"))
        do {
            return try reader.take(frames)
        } catch {
            throw Broken("the file says what the stream could not: \(error)")
        }
    }

    private static func framed(_ lines: String) -> String {
        var bytes = Array(lines.utf8)
        return String(decoding: EngineLogEntry.frames(of: &bytes) { _ in true }, as: UTF8.self)
    }

    private static let engineLog = """
        {"log":"one\\n","stream":"stdout","time":"2026-11-21T10:42:37.1Z"}
        {"log":"two, in","stream":"stderr","time":"2026-11-21T10:42:37.123456789Z"}
        {"log":" half {"log":" pieces\\n","stream":"stderr","time":"2026-11-21T10:42:38Z"}

        """
    private static let log = """
        2026-11-21T10:42:37.123456789Z out one
        2026-11-21T10:42:37.223456789Z err two
        2026-11-21T10:42:37.223456789Z err three

        """
}
