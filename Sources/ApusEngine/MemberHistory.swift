package import ApusModel
import ApusPlacement
import HashTreeCollections

/// How a member is, in one word.
package enum MemberState: String, Hashable, Sendable, CaseIterable {
    /// Not heard in full yet, or not reached.
    case joining = "JOINING"
    case active = "ACTIVE"
    /// It waits for its local services.
    case unready = "UNREADY"
    /// It cannot serve, or an operator keeps it from work.
    case suspended = "SUSPENDED"
    case silent = "SILENT"
    case lost = "LOST"
    case blacklistRequested = "BLACKLIST_REQUESTED"
    case blacklisted = "BLACKLISTED"
    case retiring = "RETIRING"
}

/// The states that a member was in, the oldest first: the last few.
package struct MemberHistory: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package var at: WallTime
        package var state: MemberState
        /// For people; empty where the state says enough.
        package var reason: String
        /// What failed meanwhile.
        package var channels: [NodeChannel]
    }

    /// Of a member's record only a small part: it is written with each change.
    package static let most = 20
    package static let longestReason = 256

    package private(set) var entries: [Entry] = []

    package init() {}

    /// Notes a state, unless it is the last one already; of that what fails may be another than it was.
    ///
    /// - Returns: `true` if there is something to be stored.
    @discardableResult
    mutating func record(
        _ state: MemberState,
        _ reason: String,
        _ channels: [NodeChannel] = [],
        at wall: WallTime
    ) -> Bool {
        let text = reason.clipped(toBytes: Self.longestReason)
        if let last = entries.last, last.state == state, state != .joining {
            guard last.channels != channels else { return false }
            entries[entries.count - 1].reason = text
            entries[entries.count - 1].channels = channels
            return true
        }
        entries.append(Entry(at: wall, state: state, reason: text, channels: channels))
        entries.removeFirst(max(0, entries.count - Self.most))
        return true
    }
}

extension MemberHistory {
    /// The form in records and in the API.
    package var json: JSON {
        .array(
            entries.map { entry in
                .members([
                    "at": entry.at.json, "state": .string(entry.state.rawValue),
                    "reason": entry.reason.isEmpty ? nil : .string(entry.reason),
                    "channels": entry.channels.isEmpty ? nil : .array(entry.channels.map { .string($0.rawValue) }),
                ])
            }
        )
    }

    /// Reads the form of `json`; a state of a later version is left out.
    ///
    /// - Throws: `JSONError` with the first fault.
    package init(record entries: [JSON]) throws(JSONError) {
        for json in entries.suffix(Self.most) {
            guard let state = MemberState(rawValue: try json.string("state")) else { continue }
            self.entries.append(
                Entry(
                    at: WallTime(milliseconds: try json.integer("at")),
                    state: state,
                    reason: json["reason"]?.text ?? "",
                    channels: try json.strings("channels").compactMap(NodeChannel.init(rawValue:))
                )
            )
        }
    }
}

extension Member {
    package var state: MemberState {
        switch (presence, duty) {
        case (.lost, _): .lost
        case (.silent, _): .silent
        case (_, .blacklistRequested): .blacklistRequested
        case (_, .blacklisted): .blacklisted
        case (_, .suspended), (_, .suspendedAtOnce): .suspended
        case (_, .retiring): .retiring
        case (.joining, .active): .joining
        case (.present, .active):
            switch admission {
            case .open: .active
            case .closed(.unready): .unready
            case .closed(.suspended): .suspended
            case .closed: .joining
            }
        }
    }

    /// Why it is in that state, for people.
    private var reasonOfState: String {
        switch state {
        case .joining, .active, .blacklistRequested, .blacklisted, .retiring: ""
        case .unready: "it waits for its local services"
        case .silent: failures.texts.joined(separator: "; ")
        case .suspended:
            switch duty {
            case .suspended: "an operator asked for it"
            case .suspendedAtOnce: "an operator asked for it, at once"
            case .active, .blacklistRequested, .blacklisted, .retiring: failures.texts.joined(separator: "; ")
            }
        case .lost:
            if case .lost(let since) = presence {
                "it was not heard for \(max(0, since.milliseconds - heardAt.milliseconds) / 1_000) s"
            } else {
                ""
            }
        }
    }

    /// Takes its state into its history, if that is another one now.
    ///
    /// - Returns: `true` if there is something to be stored.
    fileprivate mutating func recordState(at wall: WallTime) -> Bool {
        let state = state
        // Each new leader hears it anew: that it joins is recorded where it does.
        guard state != .joining else { return false }
        return history.record(state, reasonOfState, failures.channels, at: wall)
    }
}

extension Engine {
    /// Of the members of which something changed in this turn.
    mutating func recordStates(at wall: WallTime) {
        let stored = touched.filter { $0.kind == .member }.map { ExecutorID($0.id) }
        for id in noted.members.union(stored) {
            guard var member = state.members[id], member.recordState(at: wall) else { continue }
            state.members[id] = member
            touched.insert(RecordKey(.member, id.rawValue))
        }
    }
}
