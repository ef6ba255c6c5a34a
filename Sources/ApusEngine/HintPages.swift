import ApusModel

/// In which hint record of its executor each instance stands: a change writes the few beside it, not all.
struct HintPages: Sendable {
    private static let entriesPerPage = 8
    /// A page of long entries is full sooner: it must stay one record of a store.
    private static let fullPageBytes = 16 << 10

    private struct Page {
        var entries: [(id: InstanceID, bytes: Int)] = []
        var bytes = 0

        var hasRoom: Bool { entries.count < HintPages.entriesPerPage && bytes < HintPages.fullPageBytes }
    }

    private var pages: [ExecutorID: [Page]] = [:]

    func entries(of executor: ExecutorID, page: Int) -> [InstanceID] {
        guard let all = pages[executor], all.indices.contains(page) else { return [] }
        return all[page].entries.map(\.id)
    }

    /// Puts an instance of so many bytes on the page where it stood, or on the first with room.
    ///
    /// - Returns: the page.
    mutating func insert(_ id: InstanceID, bytes: Int, on executor: ExecutorID, page: Int?) -> Int {
        var all = pages.removeValue(forKey: executor) ?? []
        let number = page ?? all.firstIndex(where: \.hasRoom) ?? all.count
        while all.count <= number { all.append(Page()) }
        all[number].entries.append((id, bytes))
        all[number].bytes += bytes
        pages[executor] = all
        return number
    }

    mutating func remove(_ id: InstanceID, on executor: ExecutorID, page: Int) {
        guard var all = pages.removeValue(forKey: executor) else { return }
        if all.indices.contains(page), let index = all[page].entries.firstIndex(where: { $0.id == id }) {
            all[page].bytes -= all[page].entries.remove(at: index).bytes
        }
        while all.last?.entries.isEmpty == true { all.removeLast() }
        if !all.isEmpty { pages[executor] = all }
    }
}

extension HintPages {
    /// More pages than the instances that one executor may have are nobody's: a record that says so is not believed.
    private static let mostPages = 1 << 16

    /// The first page has the executor's own id, as the only one had before there were more.
    static func key(_ executor: ExecutorID, page: Int) -> RecordKey {
        RecordKey(.hint, page == 0 ? executor.rawValue : "\(executor)/\(page)")
    }

    /// Whose record it is and which page; no executor's id has a slash.
    static func place(of key: RecordKey) -> (executor: ExecutorID, page: Int) {
        guard let slash = key.id.lastIndex(of: "/"), let page = Int(key.id[key.id.index(after: slash)...]),
            (1...mostPages).contains(page)
        else { return (ExecutorID(key.id), 0) }
        return (ExecutorID(String(key.id[..<slash])), page)
    }
}
