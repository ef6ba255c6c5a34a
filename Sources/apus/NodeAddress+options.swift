import ApusClient
import ArgumentParser

extension NodeAddress {
    /// - Throws: `ValidationError` naming the option.
    init(_ text: String, option: String) throws {
        do throws(AddressFault) {
            self = try NodeAddress(text)
        } catch {
            throw ValidationError("\(option) must be \(error)")
        }
    }

    /// An executor's address is that of its containers' ports too.
    ///
    /// - Throws: `ValidationError` naming the option.
    func checkPublishing(option: String) throws {
        guard published == nil else { return }
        throw ValidationError("\(option) must be of version 4, or [::]: containers' ports are published on version 4")
    }
}

extension NodeURL {
    /// Takes several, also in one text with commas between them; each once.
    ///
    /// - Throws: `ValidationError` naming the option.
    static func list(_ texts: [String], option: String) throws -> [NodeURL] {
        var list: [NodeURL] = []
        for text in texts.flatMap({ $0.split(separator: ",") }) {
            do throws(AddressFault) {
                let url = try NodeURL(String(text))
                if !list.contains(url) { list.append(url) }
            } catch {
                throw ValidationError("\(option) must be \(error)")
            }
        }
        guard !list.isEmpty else { throw ValidationError("\(option) must name a controller") }
        return list
    }
}
