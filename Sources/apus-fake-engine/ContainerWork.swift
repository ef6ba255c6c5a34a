import ApusModel

/// What a container does.
enum ContainerWork: Hashable {
    /// It runs until it is stopped.
    case serves
    case ends(after: Duration, code: Int64)

    /// None is the image's own, which serves.
    init(command: [String]) throws(JSONError) {
        if command.isEmpty {
            self = .serves
        } else if command.count == 3, command.starts(with: ["sh", "-c"]) {
            self = try Self.script(command[2])
        } else {
            throw JSONError("a test-only engine does not know the command \(command)")
        }
    }

    /// Of `sleep 3; exit 7` either part may be missing.
    private static func script(_ text: String) throws(JSONError) -> ContainerWork {
        var (after, code): (Duration, Int64) = (.zero, 0)
        for step in text.split(separator: ";") {
            let words = step.split(separator: " ")
            if words.count == 2, words[0] == "sleep", let seconds = Double(words[1]) {
                after += .seconds(seconds)
            } else if words.count == 2, words[0] == "exit", let number = Int64(words[1]) {
                code = number
            } else {
                throw JSONError("a test-only engine does not know the script \(text)")
            }
        }
        return .ends(after: after, code: code)
    }
}
