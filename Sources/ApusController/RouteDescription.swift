import ApusModel

/// What the document says of one route.
///
/// What holds of all routes alike, and what the route itself says, is added to it (`OpenAPI`).
struct RouteDescription: Sendable {
    /// What a good answer holds.
    enum Answer: Sendable {
        /// In the envelope.
        case data(Schema)
        /// In the envelope, or a FAILED one if there is no such thing: still with status 200.
        case found(Schema)
        /// The envelope without data.
        case nothing
        /// Without the envelope.
        case plain(Schema)
        /// From an executor's log files, without the envelope: JSON, or a file if there is no schema.
        case logs(Schema?)
        /// Events as they happen.
        case stream
        /// A text of that media type.
        case file(String)
        /// What a command writes, and its end, in frames; it reads frames too.
        case frames
        /// 303.
        case redirection
        /// It is always refused.
        case never
    }

    struct Parameter: Sendable {
        var name: String
        /// `query` or `header`.
        var place = "query"
        var schema: Schema
        var description: String
    }

    /// Method and path below `/apis/v1/`, as in `Route`.
    let operation: String
    let summary: String
    /// What the `{…}` of the path stand for, in their order.
    let path: [Schema]
    let parameters: [Parameter]
    let body: Schema?
    /// One body that is taken, where there is what it names.
    let example: JSON?
    let answer: Answer

    init(
        _ operation: String,
        _ summary: String,
        path: [Schema] = [],
        parameters: [Parameter] = [],
        body: Schema? = nil,
        example: JSON? = nil,
        _ answer: Answer
    ) {
        self.operation = operation
        self.summary = summary
        self.path = path
        self.parameters = parameters
        self.body = body
        self.example = example
        self.answer = answer
    }

    var method: String { String(operation.prefix { $0 != " " }) }
    var pattern: String { "/apis/v1/" + operation.drop { $0 != " " }.dropFirst() }
    /// What it is about: the first word of the path.
    var subject: String { String(operation.drop { $0 != " " }.dropFirst().prefix { $0 != "/" }) }
    /// The names of the `{…}`.
    var pathNames: [String] {
        pattern.split(separator: "/").filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) }
    }

    /// All schemas that it uses.
    var schemas: [Schema] {
        let answer: Schema? =
            switch answer {
            case .data(let schema), .found(let schema), .plain(let schema): schema
            case .logs(let schema): schema
            case .nothing, .stream, .file, .frames, .redirection, .never: nil
            }
        return path + parameters.map(\.schema) + [body, answer].compactMap(\.self)
    }
}

extension [RouteDescription.Parameter] {
    /// Of lists of applications and local services.
    static let page: Self = [
        .init(name: "from", schema: .count, description: "How many to leave out at the beginning"), .size,
    ]
    static let states: Self = [
        .init(
            name: "state",
            schema: .list(.instanceState),
            description: "States that are wanted; the active ones if none"
        )
    ]
    static let executors: Self = [
        .init(name: "executors", schema: .flag, description: "Also what each executor says")
    ]
    static let dryRun: Self = [
        .init(name: "dryRun", schema: .flag, description: "Only say what would happen")
    ]
}

extension RouteDescription.Parameter {
    static let size = Self(name: "size", schema: .count, description: "How many at most; all unless it is said")
}

extension Schema {
    /// Drove's range of counts in a query.
    static let count = integer(0...2_147_483_646)
}
