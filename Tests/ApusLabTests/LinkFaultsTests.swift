import ApusLab
import Testing

struct LinkFaultsTests {
    @Test func `without faults everything passes`() {
        #expect(LinkFaults().rules == "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n")
    }

    @Test func `a cut drops all packets either way, and one from itself to itself there is none`() {
        var faults = LinkFaults()
        faults.cut(["a", "b"], from: ["b"])
        #expect(drops(faults) == ["-s a -d b -j DROP", "-s b -d a -j DROP"])
    }

    @Test func `a cut one way lets pass what goes the other way`() {
        var faults = LinkFaults()
        faults.cut(from: ["a"], to: ["b", "c"])
        #expect(drops(faults) == ["-s a -d b -j DROP", "-s a -d c -j DROP"])
    }

    @Test func `a cut of a port drops what is sent to that port alone`() {
        var faults = LinkFaults()
        faults.cut(from: ["a"], to: ["b"], port: 80)
        #expect(drops(faults) == ["-s a -d b -p tcp --dport 80 -j DROP"])
    }

    @Test func `loss drops a part, and the fault named last of a link holds`() {
        var faults = LinkFaults()
        faults.cut(["a"], from: ["b"])
        faults.lose(0.2, between: ["a"], and: ["b"])
        let chance = "-m statistic --mode random --probability 0.2"
        #expect(drops(faults) == ["-s a -d b \(chance) -j DROP", "-s b -d a \(chance) -j DROP"])
    }

    private func drops(_ faults: LinkFaults) -> [Substring] {
        faults.rules.split(separator: "\n").filter { $0.hasPrefix("-A FORWARD ") }.map { $0.dropFirst(11) }
    }
}
