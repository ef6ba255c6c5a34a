package import ApusClient
import Yams

/// A role's configuration file, in YAML or JSON: one mapping of settings.
package enum SettingsFile {
    /// Reads it; blocks.
    ///
    /// Only its owner may write it, who is root or the user that runs Apus.
    ///
    /// - Throws: `SettingFault` with the place.
    package static func read(_ path: String) throws(SettingFault) -> [WrittenSetting] {
        let file: SmallFile
        do throws(SmallFile.Trouble) {
            file = try SmallFile.existing(path, .ownersToWrite, followsLinks: true)
        } catch {
            throw SettingFault("\(error)")
        }
        guard let text = String(validating: file.bytes, as: UTF8.self) else {
            throw SettingFault("\(path) is no text in UTF-8")
        }
        return try settings(in: text, of: path)
    }

    /// What a text says; nothing if there are only comments in it.
    ///
    /// - Throws: `SettingFault` with the place.
    package static func settings(in text: String, of path: String) throws(SettingFault) -> [WrittenSetting] {
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw SettingFault("\(path) is neither YAML nor JSON: \(error)")
        }
        guard let root else { return [] }
        guard case .mapping(let mapping) = root else { throw SettingFault("\(path) must hold lines `name: value`") }
        var settings: [WrittenSetting] = []
        for (key, value) in mapping {
            let line = key.mark?.line ?? 1
            let name = try Self.text(key, "a name", path, line)
            settings.append(WrittenSetting(name, line: line, try Self.value(value, name, path, line)))
        }
        return settings
    }

    private static func value(
        _ node: Node,
        _ name: String,
        _ path: String,
        _ line: Int
    ) throws(SettingFault) -> WrittenSetting.Value {
        switch node {
        case .scalar: return .text(try text(node, name, path, line))
        case .sequence(let sequence):
            var texts: [String] = []
            for element in sequence { texts.append(try text(element, "an element of \(name)", path, line)) }
            return .list(texts)
        case .mapping(let mapping):
            var pairs: [WrittenSetting.Pair] = []
            for (key, value) in mapping {
                let key = try text(key, "a key of \(name)", path, line)
                pairs.append(WrittenSetting.Pair(key, try text(value, "\(name).\(key)", path, line)))
            }
            return .pairs(pairs)
        case .alias(let alias): throw SettingFault("\(path):\(line): alias \(alias.anchor) is not known")
        }
    }

    /// As it is written: whoever takes a setting knows whether it is a number.
    private static func text(_ node: Node, _ what: String, _ path: String, _ line: Int) throws(SettingFault) -> String {
        let line = node.mark?.line ?? line
        guard case .scalar(let scalar) = node else {
            throw SettingFault("\(path):\(line): \(what) must be one value, neither a list nor a mapping")
        }
        let isPlain = scalar.style == .plain || scalar.style == .any
        guard !isPlain || !["", "~", "null", "Null", "NULL"].contains(scalar.string) else {
            throw SettingFault("\(path):\(line): \(what) has no value: give it one, or leave it out")
        }
        return scalar.string
    }
}
