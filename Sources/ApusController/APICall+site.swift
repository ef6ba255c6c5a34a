/// From where in a browser a call comes: a page of any site may have its visitors call us, and what answers on loopback
/// asks nobody who they are.
extension APICall {
    /// A browser says that a page of another site sends it (W3C Fetch Metadata, and `Origin` of older ones).
    var isOfAnotherSite: Bool {
        if let site = header("Sec-Fetch-Site") { return !["same-origin", "none"].contains(site) }
        guard let origin = header("Origin") else { return false }
        // Scheme, nothing, and host with port.
        let parts = origin.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count != 3 || String(parts[2]) != header("Host")
    }

    /// The host that it asks is an address, `localhost` or that name; one that does not say asks no name.
    func namesThisMachine(or name: String) -> Bool {
        guard let host = header("Host"), !host.isEmpty else { return true }
        if host.hasPrefix("[") { return true }
        let asked = host.prefix { $0 != ":" }
        if asked.allSatisfy({ $0.isNumber || $0 == "." }) { return true }
        return asked.lowercased() == "localhost" || asked.lowercased() == name.prefix { $0 != ":" }.lowercased()
    }
}
