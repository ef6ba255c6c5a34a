import ApusModel

/// The settings of one role: of each option what the command line says of it, or else the environment, or else the
/// configuration file, or else what holds by default.
package struct EffectiveSettings: Sendable {
    /// One of them.
    package struct Setting: Hashable, Sendable {
        package let option: SettingOption
        package let origin: SettingOrigin
        /// Of a flag `true` or `false`; none if nothing is said.
        package let texts: [SettingText]

        /// As it would be given on the command line.
        var arguments: [String] {
            switch option.kind {
            case .flag: texts.contains { $0.value == "true" } ? ["--\(option.name)"] : []
            case .value, .list: texts.map { "--\(option.name)=\($0.value)" }
            }
        }

        /// It comes from the environment or a file.
        var isConfigured: Bool { origin != .standard && origin != .commandLine }
    }

    /// What there is beside the command line.
    package struct Sources: Sendable {
        /// A configuration file; `nil` for none.
        package var path: String?
        /// What it says.
        package var file: [WrittenSetting] = []
        package var environment: [String: String]
        /// With what variables for this role begin: `APUS_CONTROLLER_`.
        package var prefix: String
        package var substitution: Substitution

        package init(environment: [String: String], prefix: String, substitution: Substitution) {
            (self.environment, self.prefix, self.substitution) = (environment, prefix, substitution)
        }
    }

    /// Which file is read is no setting.
    package static let pathVariable = "CONFIG"

    /// One for each option, in their order.
    package private(set) var all: [Setting]
    /// The command line with what is configured elsewhere, which stands before it.
    package let arguments: [String]
    /// Variables that look like settings and are none, for people.
    package let strangers: [String]

    /// `words` is the command line behind the role.
    ///
    /// - Throws: `SettingFault` that names the place.
    package init(_ options: [SettingOption], words: [String], sources: Sources) throws(SettingFault) {
        let known = Dictionary(options.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let given = Self.given(words, known)
        let set = try Self.set(options, sources)
        let written = try Self.written(known, sources)
        let settings = options.map { option in
            given[option.name] ?? set[option.name] ?? written[option.name] ?? Self.standard(option)
        }
        all = settings
        arguments = settings.filter(\.isConfigured).flatMap(\.arguments) + words
        strangers = Self.strangers(options, sources)
    }

    /// Those of which others say something else, by name.
    package func changes(in others: EffectiveSettings) -> [String] {
        zip(all, others.all).filter { $0.texts.map(\.value) != $1.texts.map(\.value) }.map(\.0.option.name)
    }

    /// These with some of others in their place.
    package func taking(_ names: Set<String>, from others: EffectiveSettings) -> EffectiveSettings {
        var settings = self
        settings.all = zip(all, others.all).map { names.contains($0.option.name) ? $1 : $0 }
        return settings
    }

    /// A text about options, with the places of those in `message` that are not on the command line, and nothing that a
    /// file holds.
    package func explained(_ text: String, naming message: String) -> String {
        var text = text
        // The longest first: of one that has another one in it nothing may be left.
        let hidden = all.flatMap(\.texts).flatMap(\.hidden).sorted { $0.content.utf8.count > $1.content.utf8.count }
        // A short one is no secret, and may be a part of any word.
        for hidden in hidden where hidden.content.utf8.count > 3 {
            text = text.replacing(hidden.content, with: hidden.written)
        }
        for setting in all where setting.isConfigured && Self.names(setting.option, in: message) {
            text += "\n--\(setting.option.name) is set by \(setting.origin)"
        }
        return text
    }

    private static func names(_ option: SettingOption, in message: String) -> Bool {
        message.ranges(of: "--\(option.name)").contains { range in
            message[range.upperBound...].first.map { !$0.isLetter && $0 != "-" } ?? true
        }
    }

    private static func standard(_ option: SettingOption) -> Setting {
        let text = option.standard ?? (option.kind == .flag ? "false" : nil)
        return Setting(option: option, origin: .standard, texts: text.map { [SettingText($0)] } ?? [])
    }
}
