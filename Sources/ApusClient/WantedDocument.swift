package import ApusModel

/// One document that somebody wants applied: an application, a local service or a task.
package struct WantedDocument: Sendable {
    /// Where it stands, for texts: `web.yaml`, or `web.yaml, document 2`.
    package var place: String
    package var workload: Workload

    package init(place: String, workload: Workload) {
        self.place = place
        self.workload = workload
    }

    /// Reads what a user wrote, with every fault of it.
    ///
    /// A task is known by its `taskId` or `sourceAppName`, or as a COMPUTATION without a name; a local service by its
    /// type; all else is an application.
    package static func read(_ json: JSON, at place: String) -> Result<WantedDocument, SpecRefusal> {
        workload(json).flatMap { workload in
            let texts = workload.hidden
            guard texts.isEmpty else { return .failure(.violations(texts)) }
            return .success(WantedDocument(place: place, workload: workload))
        }
    }

    private static func workload(_ json: JSON) -> Result<Workload, SpecRefusal> {
        let type = json["type"]?.text?.uppercased()
        let isTask = json["taskId"] != nil || json["sourceAppName"] != nil
        if isTask || (type == JobType.computation.rawValue && json["name"] == nil) {
            return TaskSpec.validated(json).map(Workload.task)
        }
        if type == JobType.localService.rawValue {
            return LocalServiceSpec.validated(json).map(Workload.localService)
        }
        return ApplicationSpec.validated(json).map(Workload.application)
    }

    /// What two of the documents both describe, for the one who wrote them; empty if each stands for itself.
    ///
    /// One version of an application at a time is what applying moves to, so two of them are too many.
    package static func doubles(in documents: [WantedDocument]) -> [String] {
        var first: [String: String] = [:]
        var texts: [String] = []
        for document in documents {
            let subject = document.subject
            if let place = first[subject] {
                texts.append("\(document.place) describes \(subject), and so does \(place): apply one of them")
            } else {
                first[subject] = document.place
            }
        }
        return texts
    }

    private var subject: String {
        switch workload {
        case .application(let spec): "application \(spec.name)"
        case .localService(let spec): "local service \(spec.id)"
        case .task(let spec): "task \(spec.id)"
        }
    }
}

extension Workload {
    /// The secrets that hold what a cluster shows in place of one, each with what to do.
    fileprivate var hidden: [String] {
        configs.enumerated().flatMap { index, config -> [String] in
            let call: HTTPCallSpec
            switch config.source {
            case .controllerHTTPFetch(let fetch), .executorHTTPFetch(let fetch): call = fetch
            case .inline, .executorLocalFile: return []
            }
            let secrets = [("username", call.username), ("password", call.password), ("authHeader", call.authHeader)]
            return secrets.filter { $0.1 == HTTPCallSpec.mask }.map { name, _ in
                "configs[\(index)].http.\(name) is \(HTTPCallSpec.mask), which stands for a secret that was not shown: "
                    + "write the secret"
            }
        }
    }

    /// The specification as it is sent.
    package var json: JSON {
        switch self {
        case .application(let spec): spec.json
        case .task(let spec): spec.json
        case .localService(let spec): spec.json
        }
    }

    /// The id, as a user writes it.
    package var idText: String {
        switch self {
        case .application(let spec): spec.id.rawValue
        case .task(let spec): spec.id.rawValue
        case .localService(let spec): spec.id.rawValue
        }
    }
}
