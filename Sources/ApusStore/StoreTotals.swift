/// How many records there are, and how many bytes they hold.
package struct StoreTotals: Hashable, Sendable {
    package var records: Int
    package var bytes: Int

    package init(records: Int = 0, bytes: Int = 0) {
        self.records = records
        self.bytes = bytes
    }

    /// One record changed, came (`old` is `nil`) or went (`new` is `nil`).
    mutating func replace(_ old: [UInt8]?, by new: [UInt8]?) {
        records += (new == nil ? 0 : 1) - (old == nil ? 0 : 1)
        bytes += (new?.count ?? 0) - (old?.count ?? 0)
    }
}
