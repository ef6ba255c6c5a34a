/// Whom an instance counts with, where a placement policy limits or spreads instances.
package struct PlacementGroup: Hashable, Sendable {
    /// Instances of one version of an application, or the tasks of one source application.
    package var version: AppID
    /// The application's name: all its versions.
    package var name: String

    package init(version: AppID, name: String) {
        self.version = version
        self.name = name
    }

    /// A version has one name.
    package func hash(into hasher: inout Hasher) { hasher.combine(version) }
}
