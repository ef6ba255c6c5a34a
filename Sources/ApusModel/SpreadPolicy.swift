/// Spreads the instances of an application evenly over the places of the cluster.
///
/// The skew of a place is what it has more than the place that has the fewest.
package struct SpreadPolicy: SpecPart {
    /// What makes two executors one place.
    package enum Axis: Hashable, Sendable {
        case zone
        case host
        /// Executors with the same value of this key of their metadata.
        case metadata(key: String)
    }
    package enum Enforcement: String, Sendable, CaseIterable {
        /// A place that would exceed the skew is refused.
        case hard = "HARD"
        /// It is taken only when no better one has room.
        case soft = "SOFT"
    }
    /// What is counted together.
    package enum Scope: String, Sendable, CaseIterable {
        /// All versions of the application's name.
        case name = "NAME"
        /// This version alone.
        case version = "VERSION"
    }
    private enum AxisName: String, CaseIterable {
        case zone = "ZONE"
        case host = "HOST"
        case metadata = "METADATA"
    }

    package static let mostSkew = 64

    package var axis: Axis
    /// 1 to `mostSkew`.
    package var maxSkew: Int
    package var enforcement: Enforcement
    package var scope: Scope

    package init(_ axis: Axis, maxSkew: Int = 1, enforcement: Enforcement = .hard, scope: Scope = .name) {
        self.axis = axis
        self.maxSkew = maxSkew
        self.enforcement = enforcement
        self.scope = scope
    }

    package init(_ reader: SpecReader) {
        switch reader.choice("over") ?? AxisName.zone {
        case .zone: axis = .zone
        case .host: axis = .host
        case .metadata:
            axis = .metadata(key: reader.string("key", required: "- Name the metadata key to spread over", atMost: 255))
        }
        maxSkew = reader.has("maxSkew") ? Int(clamping: reader.integer("maxSkew", in: 1...Int64(Self.mostSkew))) : 1
        enforcement = reader.choice("enforcement") ?? .hard
        scope = reader.choice("scope") ?? .name
    }

    package var json: JSON {
        let (over, key): (AxisName, String?) =
            switch axis {
            case .zone: (.zone, nil)
            case .host: (.host, nil)
            case .metadata(let key): (.metadata, key)
            }
        return .members([
            "type": "SPREAD", "over": .string(over.rawValue), "key": key.map { .string($0) },
            "maxSkew": .integer(Int64(maxSkew)), "enforcement": .string(enforcement.rawValue),
            "scope": .string(scope.rawValue),
        ])
    }
}
