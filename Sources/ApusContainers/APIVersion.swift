/// A version of the Docker Engine API, as `1.41`.
struct APIVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
    var major: Int
    var minor: Int

    /// Every call that Apus makes has kept its form between these two; 1.51 is what was read, 1.41 what was run.
    static let oldest = APIVersion(major: 1, minor: 30)
    static let newest = APIVersion(major: 1, minor: 51)

    init(major: Int, minor: Int) {
        self.major = major
        self.minor = minor
    }

    init?(_ text: String) {
        let parts = text.split(separator: ".").map { Int($0) }
        guard parts.count == 2, let major = parts[0], let minor = parts[1] else { return nil }
        self.init(major: major, minor: minor)
    }

    static func < (left: Self, right: Self) -> Bool { (left.major, left.minor) < (right.major, right.minor) }

    var description: String { "\(major).\(minor)" }

    /// The highest version that both sides speak; `nil` if there is none.
    static func common(engineOldest: APIVersion, engineNewest: APIVersion) -> APIVersion? {
        let highest = min(newest, engineNewest)
        return highest >= max(oldest, engineOldest) ? highest : nil
    }
}
