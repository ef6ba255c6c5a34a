/// Which known word somebody may have meant.
package enum Spelling {
    /// A word of fewer letters is too short for two mistakes.
    private static let shortWord = 4

    /// The closest of the known words, of equally close ones the first; `nil` if none is closer than two mistakes.
    ///
    /// A mistake is a letter too many, missing, another, or two that changed places; the case of letters is none.
    package static func closest(to word: String, among known: some Sequence<String>) -> String? {
        let letters = Array(word.lowercased())
        var best: (word: String, mistakes: Int)?
        for candidate in known {
            let limit = min(letters.count < shortWord ? 1 : 2, (best?.mistakes ?? .max) - 1)
            guard limit >= 0, abs(candidate.count - letters.count) <= limit else { continue }
            let mistakes = mistakes(between: letters, and: Array(candidate.lowercased()))
            if mistakes <= limit { best = (candidate, mistakes) }
        }
        return best?.word
    }

    /// The Damerau-Levenshtein distance, each letter taking part in one mistake.
    private static func mistakes(between left: [Character], and right: [Character]) -> Int {
        var (before, row) = ([Int](), Array(0...right.count))
        for (i, letter) in left.enumerated() {
            var next = [i + 1]
            for (j, other) in right.enumerated() {
                var least = min(row[j + 1], next[j]) + 1
                least = min(least, row[j] + (letter == other ? 0 : 1))
                if i > 0, j > 0, letter == right[j - 1], left[i - 1] == other { least = min(least, before[j - 1] + 1) }
                next.append(least)
            }
            (before, row) = (row, next)
        }
        return row[right.count]
    }
}
