/// What is wanted of a local service; stored.
package enum ActivationState: String, Sendable, CaseIterable {
    /// Its instances on every executor.
    case active = "ACTIVE"
    /// One instance on one executor.
    case configTesting = "CONFIG_TESTING"
    case inactive = "INACTIVE"
}

/// The state of a local service as Drove's clients know it (contract §4.4).
package enum LocalServiceState: String, Sendable, CaseIterable {
    case initial = "INIT"
    case activationRequested = "ACTIVATION_REQUESTED"
    case configTestingRequested = "CONFIG_TESTING_REQUESTED"
    case deactivationRequested = "DEACTIVATION_REQUESTED"
    case emergencyDeactivationRequested = "EMERGENCY_DEACTIVATION_REQUESTED"
    case inactive = "INACTIVE"
    case active = "ACTIVE"
    case configTesting = "CONFIG_TESTING"
    case adjustingInstances = "ADJUSTING_INSTANCES"
    case deployingTestInstance = "DEPLOYING_TEST_INSTANCE"
    case replacingInstances = "REPLACING_INSTANCES"
    case stoppingInstances = "STOPPING_INSTANCES"
    case updatingInstancesCount = "UPDATING_INSTANCES_COUNT"
    case destroyRequested = "DESTROY_REQUESTED"
    case destroyed = "DESTROYED"
}
