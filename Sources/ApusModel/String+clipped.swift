extension String {
    /// The text, or as much of its beginning as fits with a closing '…' in `limit` bytes of UTF-8; never cut within a character.
    package func clipped(toBytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        let mark = "…"
        var length = mark.utf8.count
        var end = startIndex
        while end < endIndex {
            length += self[end].utf8.count
            guard length <= limit else { break }
            end = index(after: end)
        }
        return String(self[..<end]) + mark
    }
}
