extension String {
    /// Whether it is, as a host, this machine alone: `localhost`, an address in 127.0.0.0/8, or `::1` with or without
    /// brackets.
    ///
    /// A name may begin with 127 too, and leads to any machine.
    package var isLoopbackHost: Bool {
        if ["localhost", "::1", "[::1]"].contains(self) { return true }
        let parts = split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy(\.isOctet)
    }
}

extension Substring {
    /// With a zero before it some would read it as octal.
    fileprivate var isOctet: Bool { UInt8(self).map { "\($0)" == self } ?? false }
}
