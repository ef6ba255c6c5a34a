import ApusModel
import ApusStore
import Testing

@Suite struct LeaseTests {
    private func at(_ seconds: Double) -> Moment { Moment(nanoseconds: Int64(seconds * 1e9)) }

    @Test func `a lease lasts two thirds of the session from when the write was sent`() {
        let lease = Lease(session: .seconds(9), sent: at(100))
        #expect(lease.isValid(at: at(105.9)))
        #expect(!lease.isValid(at: at(106)))
        #expect(lease.end == at(106))
    }

    @Test func `an acknowledgement counts from when its write was sent, not from when it came`() {
        var lease = Lease(session: .seconds(9), sent: at(100))
        lease.renew(sent: at(102), acknowledged: at(105))
        #expect(lease.end == at(108))
        lease.renew(sent: at(101), acknowledged: at(105.5))
        #expect(lease.end == at(108), "an earlier write that is answered later takes nothing away")
    }

    @Test func `an acknowledgement after the lapse brings nothing back`() {
        var lease = Lease(session: .seconds(9), sent: at(100))
        lease.renew(sent: at(105), acknowledged: at(106))
        #expect(!lease.isValid(at: at(106)))
        #expect(!lease.isValid(at: at(105)))
        lease.renew(sent: at(107), acknowledged: at(107))
        #expect(!lease.isValid(at: at(107)))
    }

    @Test func `the lease of a single machine never lapses`() {
        #expect(Lease.unending.isValid(at: at(1e9)))
    }

    @Test func `a term that was given up is not valid, whatever its lease`() async {
        let term = Term(epoch: 1, lease: .unending)
        #expect(term.isValid(at: at(1)))
        #expect(term.resign(to: "b"))
        #expect(!term.resign(to: "c"), "it was over already")
        #expect(!term.isValid(at: at(1)))
        #expect(await term.ended() == .resigned(to: "b"))
    }
}
