package import ApusModel

/// What the cluster's operators let specifications ask for; each machine has limits of its own besides.
package struct Allowances: Hashable, Sendable {
    /// Devices of the machines.
    package var devices = false
    /// Whom configuration files may be fetched from by the controller.
    package var fetches: [FetchTarget] = []

    package init() {}

    /// What of the workload may not be asked for, or cannot be run yet, each with a text for whoever asked; empty if
    /// all of it can.
    package func refusals(of workload: Workload) -> [String] {
        var texts = workload.partsNotBuilt
        if !devices, !workload.devices.isEmpty {
            // Drove's own words.
            texts.append("Device access is disabled. To enable, set enableRawDeviceAccess: true in controller options.")
        }
        for config in workload.configs {
            guard case .controllerHTTPFetch(let call) = config.source, !fetches.contains(where: { $0.permits(call) })
            else { continue }
            texts.append(
                "configs: \(config.localFilename) is to be fetched from \(call.hostname):\(call.effectivePort), which this "
                    + "controller may not ask. Its operators allow it with --allow-fetch"
            )
        }
        return texts
    }
}
