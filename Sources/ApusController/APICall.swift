import ApusModel

/// One request of the HTTP API, free of any HTTP library.
package struct APICall: Sendable {
    package var method: String
    /// Still encoded, without the query.
    package var path: String
    /// The same with its query, as it was asked for.
    let target: String
    /// In the order given, decoded.
    package var query: [(name: String, value: String)]
    package var contentType: String?
    /// The last event that a listener has had, as it says itself.
    package var lastEventID: String?
    package var body: [UInt8]
    /// There is one, whether it has come already or not.
    package var hasBody: Bool
    /// A body that is read while it is answered, in place of `body`; see `API.isStreamed`.
    package var frames: APIFile.Pieces?
    /// The address it came from.
    package var source: String
    /// The first header field of a name, in any case of letters.
    package var header: @Sendable (_ name: String) -> String?
    /// What stands for the `{…}` of the route, decoded.
    var parameters: [String] = []

    /// `target` is the path with its query.
    package init(
        _ method: String,
        _ target: String,
        contentType: String? = nil,
        lastEventID: String? = nil,
        body: [UInt8] = [],
        source: String = "",
        header: @escaping @Sendable (String) -> String? = { _ in nil }
    ) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        self.method = method
        self.target = target
        path = String(parts[0])
        query = parts.count > 1 ? Self.pairs(parts[1]) : []
        self.contentType = contentType
        self.lastEventID = lastEventID
        self.body = body
        hasBody = !body.isEmpty
        self.source = source
        self.header = header
    }

    private static func pairs(_ query: Substring) -> [(name: String, value: String)] {
        query.split(separator: "&").map { pair in
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let text = halves.map { decoded($0, plusIsSpace: true) }
            return (text[0], text.count > 1 ? text[1] : "")
        }
    }

    /// Without percent-encoding; a `%` that encodes nothing stays.
    static func decoded(_ text: Substring, plusIsSpace: Bool = false) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2).compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
            if byte == UInt8(ascii: "%"), digits.count == 2 {
                bytes.append(UInt8(digits[0] << 4 | digits[1]))
                rest = rest.dropFirst(2)
            } else {
                bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Whoever asks takes what was so a while ago, if there is nothing newer.
    var takesStale: Bool { header("Apus-Read")?.lowercased() == "stale" }

    /// Every value given under a name.
    func values(_ name: String) -> [String] { query.filter { $0.name == name }.map(\.value) }

    /// The body as JSON; an empty one is null.
    func json() throws(APIRefusal) -> JSON {
        guard !body.isEmpty else { return .null }
        do {
            return try JSON(parsing: body)
        } catch {
            throw .spec(.unreadable(error.message))
        }
    }

    /// The body as the fields of a form, in the order given.
    var form: [(name: String, value: String)] {
        Self.pairs(String(decoding: body, as: UTF8.self)[...])
    }

    /// A switch of the query: off unless it says `true`.
    func flag(_ name: String) throws(APIRefusal) -> Bool {
        switch values(name).last ?? "false" {
        case "true": return true
        case "false": return false
        case let other: throw .spec(.violations(["query param \(name) must be true or false, not \(other)"]))
        }
    }

    /// A number of the query, by default within Drove's range, or its default.
    func count(
        _ name: String,
        default standard: Int,
        upTo most: Int = Int(Int32.max) - 1
    ) throws(APIRefusal) -> Int {
        try values(name).last.map { text throws(APIRefusal) in try Self.count(text, name, upTo: most) } ?? standard
    }

    /// The same of a number that may be there several times.
    func counts(_ name: String, upTo most: Int) throws(APIRefusal) -> [Int] {
        try values(name).map { text throws(APIRefusal) in try Self.count(text, name, upTo: most) }
    }

    private static func count(_ text: String, _ name: String, upTo most: Int) throws(APIRefusal) -> Int {
        guard let number = Int(text) else {
            throw .spec(.violations(["query param \(name) must be a whole number"]))
        }
        guard number >= 0 else {
            throw .spec(.violations(["query param \(name) must be greater than or equal to 0"]))
        }
        guard number <= most else {
            throw .spec(.violations(["query param \(name) must be less than or equal to \(most)"]))
        }
        return number
    }

    /// Those that only tasks have are none of an application's instance.
    private static let ofInstances = InstanceState.allCases.filter {
        ![.running, .runCompleted, .runFailed].contains($0)
    }

    /// The instance states of the query, in any case of letters; none if none are given.
    func states() throws(APIRefusal) -> Set<InstanceState> {
        var states: Set<InstanceState> = []
        for text in values("state") {
            guard let state = InstanceState(rawValue: text.uppercased()), Self.ofInstances.contains(state) else {
                let names = Self.ofInstances.map(\.rawValue).joined(separator: ", ")
                throw .spec(.violations(["query param state must be one of [\(names)]"]))
            }
            states.insert(state)
        }
        return states
    }
}

/// Why a call has no good answer; each has one form on the wire (contract §0.3).
enum APIRefusal: Error {
    case spec(SpecRefusal)
    /// 200 FAILED.
    case notFound(String)
    /// 400 FAILED without data.
    case refused(String)
    /// Too many such calls are under way: 429.
    case busy(String)
    /// It cannot be done now: 503.
    case unavailable(String)
    /// Whether it was done is not known: 503.
    case inDoubt(String)
}
