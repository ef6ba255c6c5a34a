import ApusContainers
package import ApusModel
import Logging
import Synchronization

/// The way out of images: what we fetched and nothing needs.
extension ImageKeeper {
    /// Removes what we fetched and nothing needs.
    ///
    /// `inUse` are the images of the instances that have not ended, `live` their ids: whoever asked for an image and is
    /// not among them needs it no more.
    package func sweep(inUse: Set<String>, live: Set<InstanceID>) async {
        let unused = state.withLock { state in
            for (image, holders) in state.holders {
                let left = holders.intersection(live)
                state.holders[image] = left.isEmpty ? nil : left
            }
            return state.fetched.names.filter { !inUse.contains($0) && state.holders[$0] == nil }
        }
        await settle()
        guard !keepsImages else { return }
        for image in unused.sorted() { await remove(image) }
        await removeReplaced(inUse)
    }

    /// What was being fetched and nobody waits for any more has come or not: afterwards whoever brings it has it.
    private func settle() async {
        for image in state.withLock(\.fetched.coming).sorted() {
            guard let ticket = claim(image, if: { $0.fetched.coming.contains(image) }) else { continue }
            defer { leave(image, ticket) }
            do {
                let id = try await engine.imageID(of: image)
                await change { $0.replace(image, with: id) }
            } catch {
                // The next look tries again.
                warn("it is not known whether the image came", image, error)
            }
        }
    }

    private func remove(_ image: String) async {
        let ticket = claim(image) { $0.holders[image] == nil && $0.fetched.names.contains(image) }
        guard let ticket else { return }
        defer { leave(image, ticket) }
        do {
            let id = try await engine.imageID(of: image)
            if let id {
                guard await isOurs(image, id) else { return }
                guard try await engine.removeImage(image) else { return }
                logger.info("image is removed: nothing uses it", metadata: ["image": "\(image)"])
            }
            await change { id == nil ? $0.replace(image, with: nil) : $0.forget(image) }
        } catch {
            // The next look tries again.
            warn("unused image could not be removed", image, error)
        }
    }

    /// What tags of ours meant before they moved on goes too, but for what is in use by its digest.
    private func removeReplaced(_ inUse: Set<String>) async {
        let (replaced, wanted) = state.withLock { ($0.fetched.replaced, inUse.union($0.holders.keys)) }
        guard !replaced.isEmpty else { return }
        var kept = Set(state.withLock { $0.fetched.ids.values })
        do {
            for image in wanted where ImageReference(image).isDigest {
                if let id = try await engine.imageID(of: image) { kept.insert(id) }
            }
        } catch {
            // The next look tries again.
            return warn("it is not known which images are in use", wanted.sorted().joined(separator: ", "), error)
        }
        for id in replaced.subtracting(kept).sorted() { await removeReplaced(id) }
    }

    /// Unless somebody has given it a name.
    private func removeReplaced(_ id: String) async {
        do {
            let names = try await engine.imageNames(of: id)
            if let names, names.isEmpty {
                guard try await engine.removeImage(id) else { return }
                logger.info("image is removed: its tag names another by now", metadata: ["image": "\(id)"])
            }
            await change { $0.replaced.remove(id) }
        } catch {
            warn("unused image could not be removed", id, error)
        }
    }
}
