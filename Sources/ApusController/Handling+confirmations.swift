import ApusEngine
import ApusModel
import HashTreeCollections

/// What waits until people confirm it: held stops, and the state after an import; with `dryRun=true` it is only listed.
extension Handling {
    func confirmStops() async throws(APIRefusal) -> APIAnswer {
        _ = try call.json()
        guard try !call.flag("dryRun") else { return listed(state.heldStops, released: false) }
        return await change(.cluster(.confirmStops)) { outcome in
            guard case .cluster(.released(let stops)) = outcome else { return .failed(500, "Unexpected Server error") }
            return listed(stops, released: true)
        }
    }

    private func listed(_ stops: [HeldStop], released: Bool) -> APIAnswer {
        .success(.members(["stops": json(of: stops), "released": .bool(released)]))
    }

    private func json(of stops: [HeldStop]) -> JSON {
        .array(
            stops.map { stop in
                .members([
                    "instanceId": stop.instance.json, "owner": .string("\(stop.owner)"),
                    "executorId": stop.executor.json,
                    "hostname": .string(state.members[stop.executor]?.hostname ?? ""),
                ])
            }
        )
    }

    func confirmRestoration() async throws(APIRefusal) -> APIAnswer {
        _ = try call.json()
        guard try !call.flag("dryRun") else { return listed(state.stopsAfterRestoration, confirmed: false) }
        return await change(.cluster(.confirmRestoration)) { outcome in
            guard case .cluster(.restored(let stops)) = outcome else { return .failed(500, "Unexpected Server error") }
            return listed(stops, confirmed: true)
        }
    }

    private func listed(_ stops: StopsAfterRestoration, confirmed: Bool) -> APIAnswer {
        let surplus = stops.surplus.map { surplus in
            let count = JSON.integer(Int64(surplus.instances))
            return switch surplus.owner {
            case .application(let app): JSON.members(["appId": app.json, "instances": count])
            case .localService(let service): JSON.members(["serviceId": service.json, "instances": count])
            case .task(let task): JSON.members(["taskId": .string("\(task)"), "instances": count])
            }
        }
        return .success(
            .members([
                "stops": json(of: stops.unknown), "surplus": .array(surplus), "confirmed": .bool(confirmed),
            ])
        )
    }

    // MARK: the cluster's summary

    /// What Drove's state of a cluster does not say; `nil` if it says it all.
    var mode: JSON? { state.facts.restoration?.isConfirmed == false ? "RESTORED" : nil }

    /// `nil` of none.
    var heldStops: JSON? {
        let count = state.heldStops.count
        return count == 0 ? nil : .integer(Int64(count))
    }

    /// Many that fell silent together, and until when none of them is given up; `nil` if there is no such thing.
    var heldLosses: JSON? {
        let held = state.heldLosses
        guard let until = held.compactMap(\.lossHold?.until).max() else { return nil }
        return .members(["executors": .array(held.map(\.id.json)), "until": until.json])
    }
}
