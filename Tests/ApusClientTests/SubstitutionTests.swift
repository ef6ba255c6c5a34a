import ApusClient
import Testing

/// What values of a configuration file may stand for.
@Suite struct SubstitutionTests {
    private let substitution = Substitution(environment: ["ZONE": "hall-1", "EMPTY": ""], host: "node1") { path in
        switch path {
        case "/secret": Array(" \n s3cret-value\r\n".utf8)
        case "/empty": Array("\n".utf8)
        case "/long": Array(repeating: UInt8(ascii: "x"), count: 4_097)
        case "/binary": [0xff, 0xfe]
        case "/closed": throw SmallFile.Trouble("/closed cannot be opened: Permission denied")
        default: nil
        }
    }

    @Test(arguments: [
        ("plain", "plain"), ("", ""), ("a $$ and $${host}", "a $ and ${host}"), ("${env:ZONE}", "hall-1"),
        ("${host}.example", "node1.example"), ("<${file:/secret}>", "<s3cret-value>"),
        ("${env:NONE:-a b:-c}", "a b:-c"), ("${env:EMPTY:-d}", "d"), ("${env:NONE:-}", ""),
        ("${env:ZONE:-d}", "hall-1"), ("${file:/none:-d}", "d"), ("${file:/empty:-}", ""), ("${host:-d}", "node1"),
        ("${env:ZONE}-${env:ZONE}", "hall-1-hall-1"),
    ])
    func `a value is what it stands for`(_ written: String, _ value: String) throws {
        #expect(try substitution.text(written).value == value)
    }

    @Test(arguments: [
        ("$HOME", "a dollar sign is written $$"), ("a$", "a dollar sign is written $$"),
        ("${env:ZONE", "a dollar sign is written $$"), ("${ENV:ZONE}", "${ENV:ZONE} stands for nothing"),
        ("${}", "${} stands for nothing"), ("${env:NONE}", "the environment has no NONE"),
        ("${env:EMPTY}", "the environment has no EMPTY"), ("${file:/none}", "/none is not there"),
        ("${file:/empty}", "/empty is empty"), ("${file:/long}", "/long is longer than 4096 bytes"),
        ("${file:/binary}", "/binary is no text in UTF-8"), ("${file:secret}", "must name a path that begins with /"),
        ("${env:NONE:-${env:ZONE}}", "the default of ${env:NONE} is taken as it is written"),
        ("${file:/closed:-d}", "/closed cannot be opened: Permission denied"),
    ])
    func `what stands for nothing is refused with what to do`(_ written: String, _ reason: String) {
        #expect { try substitution.text(written) } throws: { "\($0)".contains(reason) }
    }

    @Test func `a machine that does not tell its name has the one that is given`() throws {
        let nameless = Substitution(environment: [:], host: nil) { _ in nil }
        #expect(try nameless.text("${host:-other}").value == "other")
        #expect { try nameless.text("${host}") } throws: { "\($0)".contains("does not tell its name") }
    }

    @Test func `what a file holds is not shown, and what the environment holds is`() throws {
        let text = try substitution.text("${env:ZONE} ${file:/secret} ${file:/none:-d}")
        #expect(text.value == "hall-1 s3cret-value d")
        #expect(text.shown == "hall-1 ${file:/secret} d")
    }
}
