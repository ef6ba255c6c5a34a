/// What runs on every executor: a service as an application is one, but never exposed (contract §3.3).
///
/// A value of this type has passed validation, or was read back from a record of one that had.
package struct LocalServiceSpec: SpecPart {
    /// All of it in the terms of an application; its policy is LOCAL.
    package var service: ApplicationSpec
    /// A new executor takes no other work before it is healthy there.
    ///
    /// Apus's addition to the contract; true unless said otherwise.
    package var isRequired: Bool

    /// Makes a specification as given: nothing is checked.
    package init(_ service: ApplicationSpec, isRequired: Bool = true) {
        self.service = service
        self.isRequired = isRequired
    }

    /// `<name>-<version>`.
    package var id: ServiceID { ServiceID(service.id.rawValue) }

    /// Its container binds the container's ports themselves on the host: one per host.
    package var isHostLevel: Bool {
        if case .local(hostLevel: true) = service.placementPolicy { true } else { false }
    }
}

extension LocalServiceSpec {
    package init(_ reader: SpecReader) {
        service = ApplicationSpec(
            unexposedIn: reader,
            noName: "- Service name is mandatory",
            noVersion: "- Service version is mandatory"
        )
        isRequired = reader.has("required") ? reader.bool("required") : true
        guard reader.checksRules else { return }
        service.checkParts(reader)
        guard case .local = service.placementPolicy else {
            reader.refuse(whole: "Only local placement is allowed for local services")
            return
        }
        SpecLimits.checkSize(json, reader)
    }

    package var json: JSON { addingRequired(to: service.json) }

    /// As `json`, for people (contract §1.10).
    package var masked: JSON { addingRequired(to: service.masked) }

    private func addingRequired(to json: JSON) -> JSON {
        guard !isRequired, case .object(let members) = json else { return json }
        return .object(members + [JSON.Member("required", false)])
    }
}
