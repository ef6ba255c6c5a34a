import ApusModel
import Testing

@Suite struct JSONParsingTests {
    @Test(
        arguments: [
            ("null", .null), (" true ", true), ("false", false), ("0", 0), ("-0", 0),
            ("9223372036854775807", .integer(.max)),
            ("-9223372036854775808", .integer(.min)), ("9223372036854775808", .number(9_223_372_036_854_775_808)),
            ("1.5", .number(1.5)), ("1e3", .number(1000)), ("-1E-2", .number(-0.01)), (#""""#, ""),
            (#""a\"\\\/\b\f\n\r\té""#, "a\"\\/\u{8}\u{c}\n\r\té"), (#""\ud83d\ude00""#, "😀"), ("\"😀\"", "😀"),
            (#""\u0000""#, "\u{0}"), ("[]", []), ("[1, [2]]", [1, [2]]), ("{}", [:]),
            ("\t{ \"b\" : 1 ,\r\n\"a\":2}", ["b": 1, "a": 2]),
        ] as [(String, JSON)]
    )
    func `a value is read as it stands, members in their order`(_ text: String, _ value: JSON) throws {
        #expect(try JSON(parsing: text) == value)
    }

    @Test(arguments: [
        "", " ", "nul", "nulll", "True", "01", "-", "1.", ".5", "1e", "1e+", "+1", "0x1", "1e999", "NaN", "Infinity",
        #"""#, #""a"#, #""\"#, #""\x""#, #""\u12""#, #""\u12g4""#, "\"\n\"", "\"\u{1}\"", #""\ud83d""#, #""\ud83dx""#,
        #""\ud83d\n""#, #""\ud83d\ud83d""#, #""\ude00""#, "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{", #"{"a""#,
        #"{"a":"#, #"{"a":1"#, #"{"a":1,}"#, "{a:1}", "{1:1}", #"{"a" 1}"#, "1 2", "{}x", "[]]", "'a'", "// c\n1",
        "\u{FEFF}1",
    ])
    func `a malformed text is refused with the place of its fault`(_ text: String) throws {
        let error = #expect(throws: JSONError.self) { try JSON(parsing: text) }
        #expect(error?.message.contains("(at byte ") == true)
    }

    @Test(
        arguments: [[0xFF], [0xC0, 0x80], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80]] as [[UInt8]]
    )
    func `a string must be UTF-8`(_ bytes: [UInt8]) {
        #expect(throws: JSONError.self) { try JSON(parsing: [0x22] + bytes + [0x22]) }
        #expect(throws: JSONError.self) { try JSON(parsing: [0x22, 0x5C, 0x6E] + bytes + [0x22]) }
    }

    @Test func `64 levels are read and 65 are not`() throws {
        func nested(_ levels: Int) -> String {
            String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
        }
        #expect(throws: Never.self) { try JSON(parsing: nested(64)) }
        #expect(throws: JSONError.self) { try JSON(parsing: nested(65)) }
        #expect(throws: JSONError.self) { try JSON(parsing: String(repeating: "[", count: 1_000_000)) }
    }

    @Test func `of repeated members the last counts, and null is absence`() throws {
        let json = try JSON(parsing: #"{"a":1,"b":2,"a":3,"b":null}"#)
        #expect(json["a"] == 3)
        #expect(json["b"] == nil)
        #expect(JSON.null["a"] == nil)
    }

    @Test func `typed reading names what is wrong`() throws {
        let json = try JSON(parsing: #"{"s":"x","n":1,"l":["a",1],"m":{"k":1}}"#)
        #expect(throws: JSONError("gone is missing")) { try json.string("gone") }
        #expect(throws: JSONError("n must be a string")) { try json.string("n") }
        #expect(throws: JSONError("s must be an integer")) { try json.integer("s") }
        #expect(throws: JSONError("s must be true or false")) { try json.bool("s") }
        #expect(throws: JSONError("l must hold strings only")) { try json.strings("l") }
        #expect(throws: JSONError("l must hold integers only")) { try json.integers("l") }
        #expect(throws: JSONError("m must hold strings only")) { try json.stringMap("m") }
        #expect(try json.strings("gone").isEmpty && json.stringMap("gone").isEmpty)
    }
}

@Suite struct JSONWritingTests {
    @Test(
        arguments: [
            ("a/é😀", "\"a/é😀\""), ("\"\\\n\r\t", #""\"\\\n\r\t""#), ("\u{0}\u{1F}\u{8}", #""\u0000\u001f\u0008""#),
            ("\u{7F}\u{2028}", "\"\u{7F}\u{2028}\""), (.number(.nan), "\"NaN\""), (.number(.infinity), "\"Infinity\""),
            (.number(-.infinity), "\"-Infinity\""), (.number(1.5), "1.5"), (.integer(.min), "-9223372036854775808"),
            (["b": 1, "a": [.null, true]], #"{"b":1,"a":[null,true]}"#), ([:], "{}"), ([], "[]"),
            (.members(["a": nil, "b": 1]), #"{"b":1}"#), (.strings(["b": "2", "a": "1"]), #"{"a":"1","b":"2"}"#),
        ] as [(JSON, String)]
    )
    func `a value is written in its shortest form and its own order`(_ value: JSON, _ text: String) {
        #expect(value.serialized == text)
    }

    @Test func `every scalar below 128 comes back the same`() throws {
        let text = String(String.UnicodeScalarView((0..<128).compactMap { Unicode.Scalar($0) }))
        #expect(try JSON(parsing: JSON.string(text).bytes) == .string(text))
    }
}
