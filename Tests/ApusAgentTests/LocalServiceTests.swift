import ApusAgent
import ApusModel
import Testing

/// A local service's instance goes the way of an application's (contract §4.3).
struct LocalServiceTests {
    private static func service() -> InstanceSpec {
        var spec = instanceSpec()
        guard case .application(let application) = spec.workload else { return spec }
        spec.workload = .localService(LocalServiceSpec(application))
        return spec
    }

    @Test func `a crash at any point of a start ends in one healthy container of the service`() {
        var rig = Rig()
        rig.command(.start(Self.service()))
        rig.run(for: .seconds(2))
        #expect(rig.instance(one)?.state == .healthy)
        #expect(rig.instance(one)?.owner == .localService(ServiceID("TEST-1")))
        for (point, remains) in rig.remains.enumerated() {
            var after = Rig(after: remains, incarnation: 2, made: 10)
            after.run(for: .seconds(1))
            after.command(.start(Self.service()))
            after.run(for: .seconds(15))
            #expect(after.instance(one)?.state == .healthy, "crash at \(point): \(remains)")
            #expect(after.instance(one)?.owner == .localService(ServiceID("TEST-1")), "crash at \(point)")
            #expect(after.containers(of: one).count == 1, "crash at \(point): \(remains)")
        }
    }
}
