import CCrypt

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// bcrypt as the C library has it: slow on purpose, so each call blocks its thread.
package enum Bcrypt {
    /// Of new hashes; each more doubles the time, which is about a twentieth of a second at this.
    private static let usualCost = 10

    /// A new hash; blocks.
    ///
    /// - Throws: `UserFault` if this machine's library cannot do it.
    package static func hash(_ password: Password) throws(UserFault) -> PasswordHash {
        let unable = UserFault("this machine's libcrypt makes no bcrypt hashes")
        guard let salt = crypt_gensalt_ra("$2b$", UInt(usualCost), nil, 0) else { throw unable }
        defer { free(salt) }
        guard let text = crypted(password.bytes, String(cString: salt)), let hash = PasswordHash(text) else {
            throw unable
        }
        return hash
    }

    /// Whether that is the password of the hash; blocks.
    static func matches(_ password: [UInt8], _ hash: PasswordHash) -> Bool {
        guard Password.canBeMeasured(password), let text = crypted(password, hash.text) else { return false }
        let (made, stored) = (Array(text.utf8), Array(hash.text.utf8))
        guard made.count == stored.count else { return false }
        return zip(made, stored).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }

    private static func crypted(_ password: [UInt8], _ setting: String) -> String? {
        var memory: UnsafeMutableRawPointer?
        var size: Int32 = 0
        defer { free(memory) }
        let phrase = password.map { CChar(bitPattern: $0) } + [0]
        return crypt_ra(phrase, setting, &memory, &size).map { String(cString: $0) }
    }
}
