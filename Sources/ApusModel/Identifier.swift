/// An id that cannot be mistaken for the id of something else.
///
/// The text is opaque here; each kind says in its own initialisers how it is built.
package struct Identifier<Entity>: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: String

    package init(rawValue: String) { self.rawValue = rawValue }
    package init(_ rawValue: String) { self.rawValue = rawValue }

    package var description: String { rawValue }
    package var json: JSON { .string(rawValue) }

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    // Written out: what `RawRepresentable` has of these is several times slower.
    @inlinable package static func == (left: Self, right: Self) -> Bool { left.rawValue == right.rawValue }
    @inlinable package func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
    @inlinable package func _rawHashValue(seed: Int) -> Int { rawValue._rawHashValue(seed: seed) }
}

/// `<name>-<version>` of an application.
package typealias AppID = Identifier<ApplicationSpec>
/// `<name>-<version>` of a local service.
package typealias ServiceID = Identifier<LocalServiceSpec>
/// `AI-`, `SI-` or `TI-` and a UUID: one container of an application, a local service or a task, for its whole life.
package typealias InstanceID = Identifier<InstanceSpec>
/// The name-based UUID of `"<hostname>:<port>"` of an executor.
package typealias ExecutorID = Identifier<NodeIdentity>

/// What a `NodeKey` is the id of.
package enum NodeKeyEntity {}
/// The durable key of an executor's state directory: another key under the same id is another machine.
package typealias NodeKey = Identifier<NodeKeyEntity>

/// What a `ClusterID` is the id of.
package enum ClusterEntity {}
/// The identity of one cluster, made once; containers carry it in a label.
package typealias ClusterID = Identifier<ClusterEntity>

/// What a `ContainerID` is the id of.
package enum ContainerEntity {}
/// The container engine's own id of a container.
package typealias ContainerID = Identifier<ContainerEntity>

/// What an `OperationID` is the id of.
package enum OperationEntity {}
/// One accepted operation.
package typealias OperationID = Identifier<OperationEntity>

/// The number of one leadership: strictly greater at each change of leader.
package typealias Epoch = Int64

/// The epochs that there are.
package enum Epochs {
    /// For a greater one the audit log has no sequences.
    package static let last = Epoch(Int32.max)
}
