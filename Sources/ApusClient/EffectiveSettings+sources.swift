import ApusModel

/// What each source says.
extension EffectiveSettings {
    typealias Settings = [String: Setting]

    // MARK: the command line

    /// The last value that a command line gives an option; `nil` if it gives none.
    package static func given(_ name: String, in words: [String]) -> String? {
        given(words, [name: SettingOption(name, .value)])[name]?.texts.first?.value
    }

    /// What is wrong there is told by whoever parses it.
    static func given(_ words: [String], _ known: [String: SettingOption]) -> Settings {
        var (settings, rest) = (Settings(), words[...])
        while let word = rest.popFirst(), word != "--" {
            guard word.hasPrefix("--") else { continue }
            let halves = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let option = known[String(halves[0])] else { continue }
            var value = halves.count > 1 ? String(halves[1]) : ""
            if option.kind == .flag {
                value = "true"
            } else if halves.count == 1, let next = rest.first, !next.hasPrefix("-") {
                value = next
                rest.removeFirst()
            }
            var texts = [SettingText(value)]
            if case .list = option.kind { texts = (settings[option.name]?.texts ?? []) + texts }
            settings[option.name] = Setting(option: option, origin: .commandLine, texts: texts)
        }
        return settings
    }

    // MARK: the environment

    /// An empty variable says nothing.
    static func set(_ options: [SettingOption], _ sources: Sources) throws(SettingFault) -> Settings {
        var settings = Settings()
        for option in options {
            let name = sources.prefix + option.variable
            guard let value = sources.environment[name], !value.isEmpty else { continue }
            let origin = SettingOrigin.environment(name)
            var texts = [SettingText(value)]
            switch option.kind {
            case .flag: texts = [try truth(texts[0], at: "\(origin)")]
            case .list: texts = (list(in: value) ?? [value]).map { SettingText($0) }
            case .value: break
            }
            if !texts.isEmpty { settings[option.name] = Setting(option: option, origin: origin, texts: texts) }
        }
        return settings
    }

    /// What a JSON list of strings holds; `nil` if the text is none.
    private static func list(in text: String) -> [String]? {
        guard text.hasPrefix("[") else { return nil }
        do {
            guard case .array(let elements) = try JSON(parsing: text) else { return nil }
            let strings = elements.compactMap(\.text)
            return strings.count == elements.count ? strings : nil
        } catch {
            // An address of version 6 begins so too.
            return nil
        }
    }

    static func strangers(_ options: [SettingOption], _ sources: Sources) -> [String] {
        let known = options.map(\.variable) + [pathVariable]
        let others = sources.environment.keys.filter { $0.hasPrefix(sources.prefix) }
            .map { String($0.dropFirst(sources.prefix.count)) }
        return others.filter { !known.contains($0) }.sorted().map { name in
            let meant = Spelling.closest(to: name, among: known).map { "; did you mean \(sources.prefix)\($0)?" }
            return "\(sources.prefix)\(name) is no setting and changes nothing\(meant ?? "")"
        }
    }

    // MARK: the file

    static func written(_ known: [String: SettingOption], _ sources: Sources) throws(SettingFault) -> Settings {
        var settings = Settings()
        for entry in sources.file {
            let origin = SettingOrigin.file(sources.path ?? "", line: entry.line)
            guard let option = known[entry.name] else {
                let meant = Spelling.closest(to: entry.name, among: known.keys.sorted())
                throw SettingFault(
                    "\(origin): \(entry.name) is no setting here\(meant.map { "; did you mean \($0)?" } ?? "")"
                )
            }
            let texts = try texts(of: entry, option, origin, sources.substitution)
            if !texts.isEmpty { settings[option.name] = Setting(option: option, origin: origin, texts: texts) }
        }
        return settings
    }

    private static func texts(
        of entry: WrittenSetting,
        _ option: SettingOption,
        _ origin: SettingOrigin,
        _ substitution: Substitution
    ) throws(SettingFault) -> [SettingText] {
        var texts: [SettingText] = []
        let place = "\(origin): \(entry.name)"
        func add(_ written: String, after start: String = "") throws(SettingFault) {
            let value: SettingText
            do throws(SettingFault) {
                value = try substitution.text(written)
            } catch {
                throw SettingFault("\(place): \(error)")
            }
            // What stands for nothing is as if it were not written.
            guard !value.value.isEmpty || !value.isSubstituted else { return }
            texts.append(option.kind == .flag ? try truth(value, at: place) : value.after(start))
        }
        switch (option.kind, entry.value) {
        case (_, .text(let text)): try add(text)
        case (.list, .list(let list)): for text in list { try add(text) }
        case (.list(ofPairs: true), .pairs(let pairs)): for pair in pairs { try add(pair.value, after: "\(pair.key)=") }
        case (_, .list), (_, .pairs):
            throw SettingFault("\(place) must be \(option.kind.expectation)")
        }
        return texts
    }

    private static func truth(_ text: SettingText, at place: String) throws(SettingFault) -> SettingText {
        guard let truth = ["true", "false"].first(where: { $0 == text.value.lowercased() }) else {
            throw SettingFault("\(place) must be true or false, not \(text.shown)")
        }
        return SettingText(truth)
    }
}
