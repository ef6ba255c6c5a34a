/// Where so many instances of a specification would go (contract §1.4).
package struct PlacementQuestion: SpecPart {
    /// As many as an application can have.
    package static let mostInstances = 2048

    package var workload: Workload
    /// 1 to `mostInstances`.
    package var instances: Int

    package init(_ reader: SpecReader) {
        let spec = reader.object("spec")
        if spec["taskId"] != nil || spec["sourceAppName"] != nil {
            workload = .task(reader.part("spec"))
        } else if spec["placementPolicy"]?["type"]?.text == "LOCAL" {
            workload = .localService(reader.part("spec"))
        } else {
            workload = .application(reader.part("spec"))
        }
        instances = Int(clamping: reader.integer("numInstances", in: 1...Int64(Self.mostInstances)))
        guard let policy: PlacementPolicy = reader.part("placementPolicy") else { return }
        SpecLimits.checkPolicy(policy, of: "apps", reader)
        workload.placementPolicy = policy
    }

    package var json: JSON {
        let spec =
            switch workload {
            case .application(let spec): spec.json
            case .task(let spec): spec.json
            case .localService(let spec): spec.json
            }
        return .members(["spec": spec, "numInstances": .integer(Int64(instances))])
    }
}
