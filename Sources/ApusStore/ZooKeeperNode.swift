import CZooKeeper

/// What ZooKeeper keeps of a node beside its bytes.
package struct NodeFacts: Hashable, Sendable {
    /// Rises with each change of the bytes.
    package var version: Int32
    /// When its bytes were last set, in milliseconds since 1970, by the server's clock.
    package var modified: Int64
    /// The session with which it vanishes; 0 if it stays.
    package var owner: Int64
    package var birth: Birth

    /// When a node was made; one that is made anew at the same path has another.
    package struct Birth: Hashable, Sendable {
        /// ZooKeeper's number of that change.
        package var change: Int64
        /// In milliseconds since 1970, by the server's clock: servers that begin without data count changes anew.
        package var time: Int64
    }

    init(_ stat: Stat) {
        version = stat.version
        modified = stat.mtime
        owner = stat.ephemeralOwner
        birth = Birth(change: stat.czxid, time: stat.ctime)
    }
}

/// How long a node lasts, and what its name becomes.
package enum NodeLife: Sendable {
    case persistent
    /// Gone with the session.
    case ephemeral
    /// Gone with the session; ZooKeeper appends ten digits to its name, rising with each.
    case ephemeralSequential

    var mode: Int32 {
        switch self {
        case .persistent: ZOO_PERSISTENT
        case .ephemeral: ZOO_EPHEMERAL
        case .ephemeralSequential: ZOO_EPHEMERAL_SEQUENTIAL
        }
    }
}

/// One step of a `multi`, which is done whole or not at all.
package enum NodeChange: Hashable, Sendable {
    case check(String, version: Int32)
    case create(String, [UInt8])
    /// Version -1 is any.
    case set(String, [UInt8], version: Int32 = -1)
    case delete(String)

    var path: String {
        switch self {
        case .check(let path, _), .create(let path, _), .set(let path, _, _), .delete(let path): path
        }
    }

    /// What it takes of a request, when all paths begin with so many bytes more.
    func requestBytes(chroot: Int) -> Int {
        let path = path.utf8.count + chroot
        return switch self {
        case .check, .delete: path + 17
        // With the list of who may do what.
        case .create(_, let bytes): path + bytes.count + 52
        case .set(_, let bytes, _): path + bytes.count + 21
        }
    }
}

/// The steps of a `multi` in the client library's form.
///
/// The library writes the outcome of each step when the answer comes, so this lives until then.
final class MultiRequest {
    private let changes: [NodeChange]
    private let steps: UnsafeMutablePointer<zoo_op_t>
    private let results: UnsafeMutablePointer<zoo_op_result_t>
    /// The paths and bytes that the steps point to.
    private var texts: [UnsafeMutableRawPointer] = []

    init(_ changes: [NodeChange], chroot: String, acl: UnsafePointer<ACL_vector>) {
        self.changes = changes
        steps = .allocate(capacity: changes.count)
        steps.initialize(repeating: zoo_op_t(), count: changes.count)
        results = .allocate(capacity: changes.count)
        results.initialize(repeating: zoo_op_result_t(), count: changes.count)
        for (index, change) in changes.enumerated() {
            let path = text(Array((chroot + change.path).utf8) + [0])
            let step = steps + index
            switch change {
            case .check(_, let version): zoo_check_op_init(step, path, version)
            case .create(_, let bytes):
                zoo_create_op_init(step, path, text(bytes), Int32(bytes.count), acl, ZOO_PERSISTENT, nil, 0)
            case .set(_, let bytes, let version):
                zoo_set_op_init(step, path, text(bytes), Int32(bytes.count), version, nil)
            case .delete: zoo_delete_op_init(step, path, -1)
            }
        }
    }

    deinit {
        for text in texts { text.deallocate() }
        steps.deallocate()
        results.deallocate()
    }

    private func text(_ bytes: [UInt8]) -> UnsafePointer<CChar> {
        // Never of no bytes: a pointer to nothing would be no bytes and no pointer.
        let copy = UnsafeMutableRawPointer.allocate(byteCount: bytes.count + 1, alignment: 1)
        bytes.withUnsafeBytes { copy.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(copy), byteCount: $0.count) }
        texts.append(copy)
        return UnsafePointer(copy.assumingMemoryBound(to: CChar.self))
    }

    /// Hands it to the library.
    func start(_ handle: OpaquePointer, _ completion: @escaping void_completion_t, _ context: UnsafeRawPointer) -> Int32
    {
        zoo_amulti(handle, Int32(changes.count), steps, results, completion, context)
    }

    /// Which step was refused and why, once the answer is there.
    ///
    /// Those before it were undone and have no error; those after it were never tried and have one that says so.
    func error(code: Int32) -> ZooKeeperError {
        for (index, change) in changes.enumerated() {
            let own = results[index].err
            if own != ZOK.rawValue, own != ZRUNTIMEINCONSISTENCY.rawValue {
                return ZooKeeperError(code: own, path: change.path)
            }
        }
        return ZooKeeperError(code: code, path: changes[0].path)
    }
}
