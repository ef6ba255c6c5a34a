package import ApusModel

/// An answer of the HTTP API, free of any HTTP library.
package struct APIAnswer: Hashable, Sendable {
    package var status: Int
    /// `nil` for an empty body.
    package var json: JSON?
    /// Seconds after which to try again.
    package var retryAfter: Int?
    /// Plain text in place of JSON; of 401 alone.
    package var text: String?
    /// A file in place of JSON.
    package var file: APIFile?
    /// Where to look instead; of a redirection.
    package var location: String?
    /// Which executor the answer is from, or should be, and since when it is away; of log files.
    package var executor: String?
    /// Seconds since what it says was so, for whoever takes stale ones.
    package var age: Int?
    /// From a controller that does not lead.
    package var isStale = false
    /// The methods that a path takes; of 405, and of OPTIONS.
    package var allow: [String] = []
    /// The leader that answers has led until now.
    var endsTerm = false
    /// What was asked for may have been done.
    var isInDoubt = false

    init(
        status: Int,
        json: JSON? = nil,
        retryAfter: Int? = nil,
        file: APIFile? = nil,
        location: String? = nil,
        executor: String? = nil
    ) {
        self.status = status
        self.json = json
        self.retryAfter = retryAfter
        self.file = file
        self.location = location
        self.executor = executor
    }

    /// The envelope of a good answer.
    static func success(_ data: JSON?) -> APIAnswer {
        APIAnswer(status: 200, json: .members(["status": "SUCCESS", "data": data, "message": "success"]))
    }

    /// The envelope of any other answer.
    static func failed(_ status: Int, _ message: String, data: JSON? = nil, retryAfter: Int? = nil) -> APIAnswer {
        APIAnswer(
            status: status,
            json: .members(["status": "FAILED", "data": data, "message": .string(message)]),
            retryAfter: retryAfter
        )
    }

    init(_ refusal: APIRefusal) {
        switch refusal {
        case .spec(let spec): self.init(spec)
        case .notFound(let message): self = .failed(200, message)
        case .refused(let message): self = .failed(400, message)
        case .busy(let message): self = .failed(429, message, retryAfter: 1)
        case .unavailable(let message): self = .failed(503, message, retryAfter: 1)
        case .inDoubt(let message):
            self = .failed(503, message, retryAfter: 1)
            isInDoubt = true
        }
    }

    init(_ refusal: AccessRefusal) {
        switch refusal {
        case .unknown:
            self.init(status: 401)
            text = "Credentials are required to access this resource."
        case .tooManyFailures(let seconds):
            self = .failed(
                429,
                "Too many wrong credentials came from this address; try again in \(seconds) s",
                retryAfter: seconds
            )
        case .busy: self = .failed(503, "Too many passwords wait to be checked; try again", retryAfter: 1)
        case .notYet: self = .notLeading()
        }
    }

    /// As the contract has it (§0.5); the reason stands beside it, for Drove's clients take `data` for violations.
    static func notLeading(because reason: String? = nil) -> APIAnswer {
        APIAnswer(
            status: 400,
            json: .members([
                "status": "FAILED", "message": "This node is not the leader controller",
                "reason": reason.map { .string($0) },
            ])
        )
    }

    init(_ refusal: SpecRefusal) {
        self = .failed(
            400,
            refusal.message,
            data: .members(["validationErrors": .array(refusal.errors.map { .string($0) })])
        )
    }

    /// For a method that a path does not take, and for OPTIONS, which asks which those are.
    static func allowing(_ methods: [String], _ method: String) -> APIAnswer {
        var answer = APIAnswer(status: method == "OPTIONS" ? 200 : 405)
        answer.allow = methods + (methods.contains("GET") ? ["HEAD"] : []) + ["OPTIONS"]
        return answer
    }

    /// For a body over the limit.
    static func tooLarge(limit: Int) -> APIAnswer {
        .failed(413, "The request body is larger than \(limit) bytes")
    }

    /// For one request more than are answered at once.
    static func tooManyRequests(most: Int) -> APIAnswer {
        .failed(429, "\(most) requests are being answered already; try again", retryAfter: 1)
    }

    /// For an error nobody foresaw.
    static func unexpected(_ error: any Error) -> APIAnswer {
        .failed(500, "Unexpected Server error", data: .members(["failure": .string("\(error)")]))
    }
}

/// A body that is sent as it comes; each is equal to itself alone.
package final class APIFile: Hashable, Sendable {
    /// One piece after the other, read as fast as they are sent.
    package typealias Pieces = any AsyncSequence<[UInt8], any Error> & Sendable

    /// Of what comes as it happens; nobody on the way is to keep it.
    static let eventStream = "text/event-stream"
    /// Of an export of the store.
    static let export = "application/x-ndjson"

    /// `nil` if it is not known before the end.
    package let length: Int?
    package let contentType: String
    package let disposition: String?
    package let pieces: Pieces
    /// Runs beside the sending, and is cancelled at its end.
    package let meanwhile: (@Sendable () async -> Void)?

    init(
        length: Int?,
        contentType: String,
        disposition: String?,
        pieces: Pieces,
        meanwhile: (@Sendable () async -> Void)? = nil
    ) {
        self.length = length
        self.contentType = contentType
        self.disposition = disposition
        self.pieces = pieces
        self.meanwhile = meanwhile
    }

    package static func == (left: APIFile, right: APIFile) -> Bool { left === right }
    package func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
