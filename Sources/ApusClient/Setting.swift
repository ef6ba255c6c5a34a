/// Why a configuration cannot be used, for people; never what a file holds that it names.
package struct SettingFault: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}

/// What can be configured: an option of a role's command line.
package struct SettingOption: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// On the command line it stands alone; elsewhere it is true or false.
        case flag
        case value
        /// May be repeated; each may be a pair, `key=value`.
        case list(ofPairs: Bool)

        var expectation: String {
            switch self {
            case .flag: "true or false"
            case .value: "one value"
            case .list(ofPairs: false): "a value or a list of values"
            case .list(ofPairs: true): "a mapping, or a list of key=value"
            }
        }
    }

    /// Its long name, without hyphens before it.
    package let name: String
    package let kind: Kind
    /// What holds if nobody says otherwise; `nil` if nothing does, or the machine decides.
    package let standard: String?

    package init(_ name: String, _ kind: Kind, standard: String? = nil) {
        (self.name, self.kind, self.standard) = (name, kind, standard)
    }

    /// The end of the environment's variable for it: `TLS_KEY`.
    var variable: String { name.uppercased().replacing("-", with: "_") }
}

/// Who said what a setting is.
package enum SettingOrigin: Hashable, Sendable, CustomStringConvertible {
    /// Nobody.
    case standard
    case file(String, line: Int)
    /// A variable of that name.
    case environment(String)
    case commandLine

    package var description: String {
        switch self {
        case .standard: "default"
        case .file(let path, let line): "\(path):\(line)"
        case .environment(let name): "$\(name)"
        case .commandLine: "command line"
        }
    }
}

/// What a configuration file says of one setting, as it is written there.
package struct WrittenSetting: Hashable, Sendable {
    package struct Pair: Hashable, Sendable {
        package let key: String
        package let value: String

        package init(_ key: String, _ value: String) { (self.key, self.value) = (key, value) }
    }

    package enum Value: Hashable, Sendable {
        case text(String)
        case list([String])
        case pairs([Pair])
    }

    package let name: String
    /// From 1 on.
    package let line: Int
    package let value: Value

    package init(_ name: String, line: Int, _ value: Value) {
        (self.name, self.line, self.value) = (name, line, value)
    }
}

/// One value of a setting.
package struct SettingText: Hashable, Sendable {
    /// What came out of a file, and what is shown instead.
    struct Hidden: Hashable, Sendable {
        let content: String
        let written: String
    }

    package internal(set) var value: String
    /// For people: what comes out of a file stands there as it was written, `${file:/path}`.
    package internal(set) var shown: String
    var hidden: [Hidden] = []
    /// A part of it stands for something else.
    var isSubstituted = false

    package init(_ value: String = "") { (self.value, shown) = (value, value) }

    mutating func append(_ part: some StringProtocol) {
        value.append(contentsOf: part)
        shown.append(contentsOf: part)
    }

    /// The same behind a text.
    func after(_ start: String) -> SettingText {
        var text = self
        text.value = start + value
        text.shown = start + shown
        return text
    }

    mutating func append(content: String, written: String) {
        value += content
        shown += written
        hidden.append(Hidden(content: content, written: written))
    }
}
