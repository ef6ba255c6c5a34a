import ApusModel
import ApusTelemetry
import Testing

private func at(_ seconds: Double) -> Moment { .zero + .seconds(seconds) }

/// How often something happens, on a clock of the test's own.
struct RatesTests {
    @Test func `what happens twice a second shows as that, soon and in the end`() {
        var rates = Rates(at: .zero)
        // Ten within each five seconds.
        for half in 0..<1_200 { rates.mark(at: at(Double(half) / 2 + 0.25)) }
        let reading = rates.reading(at: at(600))
        #expect(reading.count == 1_200)
        #expect(reading.mean == 2)
        for rate in [reading.oneMinute, reading.fiveMinutes, reading.fifteenMinutes] { #expect(abs(rate - 2) < 0.01) }
    }

    @Test func `what has stopped is forgotten, in one minute's average first`() {
        var rates = Rates(at: .zero)
        rates.mark(50, at: at(1))
        #expect(rates.reading(at: at(2)).oneMinute == 0, "before five seconds have passed there is no average")
        #expect(rates.reading(at: at(5)).oneMinute == 10)
        let later = rates.reading(at: at(65))
        // e to the power of -1: what a minute leaves of it.
        #expect(abs(later.oneMinute - 10 * 0.3679) < 0.001)
        #expect(later.oneMinute < later.fiveMinutes && later.fiveMinutes < later.fifteenMinutes)
        #expect(rates.reading(at: at(86_400 * 365)).fifteenMinutes < 0.000_001)
        #expect(rates.reading(at: at(5)).oneMinute == 10, "to read changes nothing")
    }
}
