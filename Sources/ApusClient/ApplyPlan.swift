package import ApusModel

/// What applying documents changes in a cluster: decided from what it has, nothing is asked or done here.
package struct ApplyPlan: Sendable {
    /// What is done for one document.
    package enum Step: Hashable, Sendable {
        /// An application of which no version runs begins.
        case create(InstanceCount)
        /// A version takes the place of another; one that is not there yet is created without instances first.
        case rollOut(from: AppID, InstanceCount, isNew: Bool)
        /// The version runs; its count changes, or is waited for.
        case scale(from: Int, to: InstanceCount)
        /// A local service goes to every executor; one that is not there yet is created first.
        case activate(isNew: Bool)
        /// A task is asked for.
        case run
        case keep
        /// It cannot be applied, for that reason.
        case refuse(String)
    }

    /// One document and what comes of it.
    package struct Entry: Sendable {
        package var place: String
        /// As it will stand in the cluster: a changed specification under its own version.
        package var workload: Workload
        package var step: Step
        /// In what it differs from what is there now; secrets and inline files are masked and so never differ.
        package var fields: [SpecDifference.Field] = []
        /// What people should know besides.
        package var remarks: [String] = []

        /// How many instances need room of their own at once when it begins; 0 if that is not asked.
        ///
        /// Of a rollout these are those of its first round: the later ones take the room of the old. Of a share it is
        /// the first, and a local service is asked on every executor by itself.
        package func newcomers(parallelism: Int) -> Int {
            switch step {
            case .create(let count): count.number ?? 1
            case .rollOut(_, let count, _): min(count.number ?? parallelism, parallelism)
            case .scale(let before, let count): max(0, (count.number ?? before) - before)
            case .run: 1
            case .activate, .keep, .refuse: 0
            }
        }
    }

    /// In the order of the documents.
    package var entries: [Entry]

    /// `instances` is asked for of every application; without it a new one gets 1, and others keep theirs.
    package init(_ documents: [WantedDocument], on holdings: ClusterHoldings, instances: InstanceCount? = nil) {
        entries = documents.map { document in
            switch document.workload {
            case .application(let spec): Entry(spec, document.place, holdings, instances)
            case .localService(let spec): Entry(spec, document.place, holdings)
            case .task(let spec): Entry(spec, document.place, holdings)
            }
        }
    }

    /// Why some documents cannot be applied, each with its place; empty if all can.
    package var refusals: [String] {
        entries.compactMap { entry in
            guard case .refuse(let reason) = entry.step else { return nil }
            return "\(entry.place): \(reason)"
        }
    }
}

// MARK: applications

extension ApplyPlan.Entry {
    fileprivate init(
        _ wanted: ApplicationSpec,
        _ place: String,
        _ holdings: ClusterHoldings,
        _ instances: InstanceCount?
    ) {
        let versions = holdings.versions(named: wanted.name)
        let (spec, there) = Self.version(of: wanted, among: versions)
        let others = versions.filter { $0.isActive && $0.id != spec.id }
        self.init(place: place, workload: .application(spec), step: .keep)
        step = Self.step(spec, there, others, holdings, instances)
        if there == nil, let before = others.last?.spec ?? versions.last?.spec {
            // That the version is another one is what the ids say.
            fields = SpecDifference.fields(from: before, to: spec.masked).filter { $0.path != "version" }
        }
        remarks = Self.remarks(spec, there, others, step)
    }

    /// Under which version the content stands already, or will.
    ///
    /// The same content is found again under a revision, so that applying twice changes nothing, and applying what was
    /// before goes back to it.
    private static func version(
        of wanted: ApplicationSpec,
        among versions: [ClusterHoldings.Version]
    ) -> (spec: ApplicationSpec, there: ClusterHoldings.Version?) {
        let revisions = versions.compactMap { version in wanted.revision(of: version.id).map { ($0, version) } }
        let same = revisions.filter { number, version in version.spec == wanted.revised(number).masked }
        if let (number, version) = same.last(where: { $0.1.isActive }) ?? same.last {
            return (wanted.revised(number), version)
        }
        guard revisions.contains(where: { $0.1.id == wanted.id }) else { return (wanted, nil) }
        return (wanted.revised((revisions.map(\.0).max() ?? 1) + 1), nil)
    }

    private static func step(
        _ spec: ApplicationSpec,
        _ there: ClusterHoldings.Version?,
        _ others: [ClusterHoldings.Version],
        _ holdings: ClusterHoldings,
        _ instances: InstanceCount?
    ) -> ApplyPlan.Step {
        if let other = holdings.versions.first(where: { $0.id == spec.id && $0.name != spec.name }) {
            return .refuse("\(spec.id) is a version of \(other.name): name and version make up the id")
        }
        guard spec.id.rawValue.utf8.count <= SpecLimits.longestID else {
            return .refuse("\(spec.id) would be longer than \(SpecLimits.longestID) bytes: choose a shorter version")
        }
        if let busy = ([there] + others).compactMap(\.self).first(where: \.isBusy) {
            return .refuse(
                "\(busy.id) has an operation under way, \(busy.operation ?? ""). Wait, or: apus apps cancel \(busy.id)"
            )
        }
        guard let from = others.last else { return alone(there, instances) }
        // What a rollout that was stopped has moved already counts too.
        let count = instances ?? from.share.map(InstanceCount.share) ?? .number(from.expected + (there?.expected ?? 0))
        guard count != .number(0) else {
            return .refuse(
                "\(from.id) runs, and nothing takes its place with 0 instances. Suspend it: apus apps suspend"
            )
        }
        return .rollOut(from: from.id, count, isNew: there == nil)
    }

    /// Where no other version runs.
    private static func alone(_ there: ClusterHoldings.Version?, _ instances: InstanceCount?) -> ApplyPlan.Step {
        guard let there else { return .create(instances ?? .number(1)) }
        let count = instances ?? there.count
        guard count == there.count, there.healthy == there.expected, there.operation == nil else {
            return .scale(from: there.expected, to: count)
        }
        return .keep
    }

    private static func remarks(
        _ spec: ApplicationSpec,
        _ there: ClusterHoldings.Version?,
        _ others: [ClusterHoldings.Version],
        _ step: ApplyPlan.Step
    ) -> [String] {
        var remarks: [String] = []
        if let there {
            if spec.masked != spec.json {
                remarks.append("its inline files and passwords cannot be compared: if they changed, raise the version")
            }
            if step == .keep, !there.isActive { remarks.append("it is suspended: --instances starts it") }
            if case .scale(_, let count) = step, count == there.count {
                remarks.append("\(there.healthy) of \(there.expected) are healthy")
            }
        }
        for other in others.dropLast() {
            remarks.append("\(other.id) has instances too: apus apps suspend \(other.id)")
        }
        return remarks
    }
}

extension ClusterHoldings.Version {
    /// Its operation is to end before another begins; a CREATE gives way, for what is wrong is mended by the next file.
    fileprivate var isBusy: Bool { operation.map { $0 != "CREATE" } ?? false }
}

// MARK: local services and tasks

extension ApplyPlan.Entry {
    fileprivate init(_ spec: LocalServiceSpec, _ place: String, _ holdings: ClusterHoldings) {
        self.init(place: place, workload: .localService(spec), step: .keep)
        let there = holdings.services.first { $0.id == spec.id }
        let others = holdings.services.filter {
            $0.name == spec.service.name && $0.id != spec.id && $0.activation == ActivationState.active.rawValue
        }
        remarks = others.map {
            "\($0.id) stays active. When this one is healthy: apus localservices deactivate \($0.id)"
        }
        guard let there else {
            step = .activate(isNew: true)
            return
        }
        if let old = there.spec, old != spec.masked {
            fields = SpecDifference.fields(from: old, to: spec.masked)
            step = .refuse(
                "\(spec.id) exists with another specification, and a local service is not replaced in place. Give this "
                    + "one a new version"
            )
        } else if there.activation != ActivationState.active.rawValue {
            step = .activate(isNew: false)
        }
    }

    fileprivate init(_ spec: TaskSpec, _ place: String, _ holdings: ClusterHoldings) {
        self.init(place: place, workload: .task(spec), step: .run)
        guard let state = holdings.tasks[spec.id] else { return }
        step = .keep
        remarks = ["it is \(state), and a task runs once. To run it again: apus tasks delete \(spec.id)"]
    }
}
