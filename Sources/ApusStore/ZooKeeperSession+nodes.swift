import ApusModel
import CZooKeeper
import Synchronization

// MARK: operations

extension ZooKeeperSession {
    /// Makes a node; who may use it follows from the session's credential.
    ///
    /// - Returns: its path, with the digits that were appended to a sequential one.
    @discardableResult
    package func create(_ path: String, _ bytes: [UInt8] = [], _ life: NodeLife = .persistent)
        async throws(ZooKeeperError) -> String
    {
        let made: String = try await perform(path) { handle, context in
            withText(bytes) { zoo_acreate(handle, full(path), $0, $1, acl, life.mode, onString, context) }
        }
        return String(made.dropFirst(settings.address.chroot.count))
    }

    /// The bytes of a node; with a watch that tells when they change or the node goes.
    package func get(_ path: String, watch: Watch? = nil)
        async throws(ZooKeeperError) -> (bytes: [UInt8], facts: NodeFacts)
    {
        try await perform(path) { handle, context in
            zoo_awget(handle, full(path), watch?.function, watch?.context, onData, context)
        }
    }

    /// What is known of a node, `nil` if there is none; with a watch that tells when it comes, changes or goes.
    package func exists(_ path: String, watch: Watch? = nil) async throws(ZooKeeperError) -> NodeFacts? {
        do throws(ZooKeeperError) {
            return try await perform(path) { handle, context in
                zoo_awexists(handle, full(path), watch?.function, watch?.context, onFacts, context)
            } as NodeFacts
        } catch {
            guard error.kind == .noNode else { throw error }
            return nil
        }
    }

    /// The names below a node, in no order; with a watch that tells when one comes or goes.
    package func children(_ path: String, watch: Watch? = nil) async throws(ZooKeeperError) -> [String] {
        try await perform(path) { handle, context in
            zoo_awget_children(handle, full(path), watch?.function, watch?.context, onNames, context)
        }
    }

    /// Version -1 is any.
    @discardableResult
    package func set(_ path: String, _ bytes: [UInt8], version: Int32 = -1) async throws(ZooKeeperError) -> NodeFacts {
        try await perform(path) { handle, context in
            withText(bytes) { zoo_aset(handle, full(path), $0, $1, version, onFacts, context) }
        }
    }

    package func delete(_ path: String) async throws(ZooKeeperError) {
        let call = Call<Void>(path: path)
        try await perform(call) { handle in lend(call) { zoo_adelete(handle, full(path), -1, onNothing, $0) } }
    }

    /// Does all of it or nothing.
    ///
    /// - Throws: the error of the change that was refused, with its path.
    package func multi(_ changes: [NodeChange]) async throws(ZooKeeperError) {
        let call = Call<Void>(path: changes.first?.path ?? "")
        try await perform(call) { handle in
            let multi = MultiCall(call, MultiRequest(changes, chroot: settings.address.chroot, acl: acl))
            return lend(multi) { multi.request.start(handle, onMulti, $0) }
        }
    }

    /// What others had done before this is seen by what is read after it.
    func sync(_ path: String) async throws(ZooKeeperError) {
        let _: String = try await perform(path) { zoo_async($0, full(path), onString, $1) }
    }

    /// Who may do what with a node.
    package func access(_ path: String) async throws(ZooKeeperError) -> [NodeAccess] {
        // The chroot itself has no name below it.
        try await perform(path.isEmpty ? full(path) : path) { handle, context in
            zoo_aget_acl(handle, full(path), onAccess, context)
        }
    }

    /// Makes a node unless it is there.
    func ensure(_ path: String, _ bytes: [UInt8] = []) async throws(ZooKeeperError) {
        // Looked for first: who may not make nodes there may still use them.
        guard try await exists(path) == nil else { return }
        do throws(ZooKeeperError) {
            try await create(path, bytes)
        } catch {
            guard error.kind == .nodeExists else { throw error }
        }
    }

    /// Makes the chroot, and what is above it, unless it is there.
    func ensureChroot() async throws(ZooKeeperError) {
        var path = ""
        for step in settings.address.chroot.split(separator: "/") {
            path += "/\(step)"
            let own = path
            do throws(ZooKeeperError) {
                let _: NodeFacts = try await perform(own) { zoo_aexists($0, own, 0, onFacts, $1) }
            } catch  where error.kind == .noNode {
                do throws(ZooKeeperError) {
                    let _: String = try await perform(own) { zoo_acreate($0, own, "", 0, acl, 0, onString, $1) }
                } catch  where error.kind == .nodeExists {}
            }
        }
    }

    /// The number by which ZooKeeper knows the session: that of its ephemeral nodes.
    var owner: Int64? { state.withLock { $0.handle.flatMap { zoo_client_id($0.pointer)?.pointee.client_id } } }

    private func withText(_ bytes: [UInt8], _ body: (UnsafePointer<CChar>?, Int32) -> Int32) -> Int32 {
        bytes.withUnsafeBytes { body($0.bindMemory(to: CChar.self).baseAddress, Int32(bytes.count)) }
    }

    private func full(_ path: String) -> String { settings.address.chroot + path }

    private var acl: UnsafePointer<ACL_vector> { settings.credential == nil ? czk_open_acl() : czk_creator_acl() }
}

// MARK: calls

/// A call under way, in the hands of the library until its answer comes.
private final class Call<Value: Sendable>: Sendable {
    let path: String
    let outcome = Once<Result<Value, ZooKeeperError>>()

    init(path: String) { self.path = path }

    func end(_ code: Int32, _ value: @autoclosure () -> Value?) {
        guard code == ZOK.rawValue else {
            outcome.happen(.failure(ZooKeeperError(code: code, path: path)))
            return
        }
        outcome.happen(value().map { .success($0) } ?? .failure(ZooKeeperError(.other, path, "an empty answer")))
    }
}

private final class MultiCall {
    let call: Call<Void>
    let request: MultiRequest

    init(_ call: Call<Void>, _ request: MultiRequest) {
        self.call = call
        self.request = request
    }
}

/// Lends an object to the library, whose completion gives it back; at once if there will be none.
private func lend(_ object: some AnyObject, _ start: (UnsafeRawPointer) -> Int32) -> Int32 {
    let reference = Unmanaged.passRetained(object)
    let code = start(UnsafeRawPointer(reference.toOpaque()))
    if code != ZOK.rawValue { reference.release() }
    return code
}

/// What was lent.
private func returned<Object: AnyObject>(_ context: UnsafeRawPointer?, as type: Object.Type) -> Object? {
    context.map { Unmanaged<Object>.fromOpaque($0).takeRetainedValue() }
}

extension ZooKeeperSession {
    private func perform<Value: Sendable>(
        _ path: String,
        _ start: (OpaquePointer, UnsafeRawPointer) -> Int32
    ) async throws(ZooKeeperError) -> Value {
        let call = Call<Value>(path: path)
        return try await perform(call) { handle in lend(call) { start(handle, $0) } }
    }

    private func perform<Value: Sendable>(
        _ call: Call<Value>,
        _ start: (OpaquePointer) -> Int32
    ) async throws(ZooKeeperError) -> Value {
        let number = try begin(call, start)
        defer { state.withLock { $0.calls[number] = nil } }
        guard let outcome = await call.outcome.wait() else {
            throw ZooKeeperError(.lost, call.path, "nobody waited for the answer")
        }
        return try outcome.get()
    }

    /// Under the lock, so that no handle is used after it was closed; the library only queues the request.
    private func begin<Value: Sendable>(
        _ call: Call<Value>,
        _ start: (OpaquePointer) -> Int32
    ) throws(ZooKeeperError) -> Int {
        let limit = settings.callTimeout
        return try state.withLock { state throws(ZooKeeperError) in
            guard let handle = state.handle, state.status.phase == .connected else {
                let why = state.status.trouble.isEmpty ? "" : ": \(state.status.trouble)"
                throw ZooKeeperError(.lost, call.path, "not connected to \(settings.address)\(why)")
            }
            guard state.calls.count < Self.mostCalls else {
                throw ZooKeeperError(.lost, call.path, "\(Self.mostCalls) calls are under way already")
            }
            let code = start(handle.pointer)
            guard code == ZOK.rawValue else { throw ZooKeeperError(code: code, path: call.path) }
            let number = state.nextNumber()
            state.calls[number] = (
                .now + limit, { reason in call.outcome.happen(.failure(ZooKeeperError(.lost, call.path, reason))) }
            )
            return number
        }
    }
}

// MARK: completions, on the library's thread

private let onString: string_completion_t = { code, text, context in
    returned(context, as: Call<String>.self)?.end(code, text.map { String(cString: $0) })
}

private let onFacts: stat_completion_t = { code, stat, context in
    returned(context, as: Call<NodeFacts>.self)?.end(code, stat.map { NodeFacts($0.pointee) })
}

private let onData: data_completion_t = { code, bytes, count, stat, context in
    returned(context, as: Call<(bytes: [UInt8], facts: NodeFacts)>.self)?.end(
        code,
        stat.map { stat in
            let buffer = UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : max(0, Int(count)))
            return (Array(buffer), NodeFacts(stat.pointee))
        }
    )
}

private let onNames: strings_completion_t = { code, names, context in
    returned(context, as: Call<[String]>.self)?.end(
        code,
        names.map { names in
            (0..<Int(names.pointee.count)).compactMap { names.pointee.data[$0].map { String(cString: $0) } }
        }
    )
}

private let onAccess: acl_completion_t = { code, list, _, context in
    returned(context, as: Call<[NodeAccess]>.self)?.end(
        code,
        list.map { list in (0..<Int(list.pointee.count)).map { NodeAccess(list.pointee.data[$0]) } }
    )
}

private let onNothing: void_completion_t = { code, context in
    returned(context, as: Call<Void>.self)?.end(code, ())
}

private let onMulti: void_completion_t = { code, context in
    guard let multi = returned(context, as: MultiCall.self) else { return }
    guard code == ZOK.rawValue else {
        multi.call.outcome.happen(.failure(multi.request.error(code: code)))
        return
    }
    multi.call.end(code, ())
}
