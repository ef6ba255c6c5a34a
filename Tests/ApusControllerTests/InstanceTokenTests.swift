import ApusController
import ApusModel
import Crypto
import Foundation
import Testing

/// Tokens are what Drove's are: HS256, the same claims, the same id for the same instance.
struct InstanceTokenTests {
    private func part(_ text: Substring) throws -> Data {
        var text = String(text).replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
        while !text.count.isMultiple(of: 4) { text += "=" }
        return try #require(Data(base64Encoded: text))
    }

    @Test func `a token names its instance and is signed with the stored key`() async throws {
        let key = (0..<32).map { UInt8($0) }
        let record = JSON.members(["schema": 1, "keys": .array([.string(Base64.encoded(key))])])
        let tokens = try InstanceTokens(record: record)
        await tokens.prepare()
        let id = InstanceID("AI-1")
        let token = try #require(
            try await tokens.token(
                of: id,
                .application(AppID("SHOP-1")),
                on: ExecutorID("executor"),
                at: WallTime(milliseconds: 1_700_000_000_123)
            )
        )
        let parts = token.split(separator: ".")
        #expect(parts.count == 3)
        let signed = Data("\(parts[0]).\(parts[1])".utf8)
        let isSound = HMAC<SHA256>.isValidAuthenticationCode(
            try part(parts[2]),
            authenticating: signed,
            using: SymmetricKey(data: key)
        )
        #expect(isSound)
        let claims = try JSON(parsing: try part(parts[1]))
        #expect(claims["iss"] == "drove" && claims["sub"] == "drove-controller")
        #expect(claims["aud"] == "drove-application-instance" && claims["exp"] == nil)
        #expect(claims["droveAppId"] == "SHOP-1" && claims["droveInstanceId"] == "AI-1")
        #expect(claims["droveExecutorId"] == "executor" && claims["iat"] == 1_700_000_000)
        // What Java's UUID.nameUUIDFromBytes makes of "SHOP-1:AI-1:executor".
        #expect(claims["jti"] == "2c846f28-d91c-3b14-8557-969af120ff9b")
        #expect(try JSON(parsing: try part(parts[0]))["alg"] == "HS256")
    }

    @Test func `a task has no token`() async throws {
        let tokens = try InstanceTokens(
            record: .members(["schema": 1, "keys": .array([.string(Base64.encoded([UInt8](repeating: 1, count: 32)))])])
        )
        await tokens.prepare()
        let task = Owner.task(TaskID(source: "source", name: "task"))
        let token = try await tokens.token(
            of: InstanceID("TI-1"),
            task,
            on: ExecutorID("executor"),
            at: WallTime(milliseconds: 0)
        )
        #expect(token == nil)
    }

    @Test(arguments: [#"{"schema":2,"keys":[]}"#, #"{"schema":1,"keys":[]}"#, #"{"schema":1,"keys":["AAAA"]}"#])
    func `damaged keys are refused, never replaced`(text: String) throws {
        #expect(throws: JSONError.self) { try InstanceTokens(record: try JSON(parsing: Array(text.utf8))) }
    }

    // MARK: keys

    private let app = Owner.application(AppID("SHOP-1"))

    /// As the first versions wrote it.
    private func firstRecord() async throws -> InstanceTokens {
        let key = JSON.string(Base64.encoded([UInt8](repeating: 1, count: 32)))
        return try await read(.members(["schema": 1, "keys": .array([key])]))
    }

    private func read(_ record: JSON) async throws -> InstanceTokens {
        let tokens = try InstanceTokens(record: try JSON(parsing: record.bytes))
        await tokens.prepare()
        return tokens
    }

    private func token(_ tokens: InstanceTokens) async throws -> String {
        try #require(
            try await tokens.token(
                of: InstanceID("AI-1"),
                app,
                on: ExecutorID("executor"),
                at: WallTime(milliseconds: 0)
            )
        )
    }

    private func wall(_ seconds: Int64) -> WallTime { WallTime(milliseconds: seconds * 1000) }

    @Test func `a token of any key is known again, also by another controller, and nothing else is`() async throws {
        let first = try await firstRecord()
        let claim = InstanceClaim(owner: "SHOP-1", instance: InstanceID("AI-1"), executor: ExecutorID("executor"))
        let old = try await token(first)
        #expect(await first.claim(of: old) == claim)
        let rotated = try #require(first.rotated(at: wall(1000), oldest: wall(10)))
        let both = try await read(rotated.record)
        let new = try await token(both)
        for token in [old, new] { #expect(await both.claim(of: token) == claim) }
        #expect(await first.claim(of: new) == nil)
        let head = try JSON(parsing: try part(try #require(new.split(separator: ".").first)))
        #expect(head["kid"] == "1")
        for wrong in ["", "a", "a.b.c", "..", old + "A", String(old.dropLast()), String(old.dropFirst())] {
            #expect(await both.claim(of: wrong) == nil, "\(wrong)")
        }
    }

    @Test func `a sound signature of what is meant for others is no token`() async throws {
        func signed(_ claims: String) -> String {
            func text(_ data: Data) -> String {
                data.base64EncodedString().replacingOccurrences(of: "+", with: "-")
                    .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
            }
            let body = text(Data(#"{"alg":"HS256","typ":"JWT"}"#.utf8)) + "." + text(Data(claims.utf8))
            let key = SymmetricKey(data: [UInt8](repeating: 1, count: 32))
            return "\(body).\(text(Data(HMAC<SHA256>.authenticationCode(for: Data(body.utf8), using: key))))"
        }
        func claims(_ issuer: String, _ audience: String) -> String {
            #"{"iss":"\#(issuer)","sub":"drove-controller","aud":"\#(audience)","jti":"x","iat":1,"#
                + #""droveAppId":"A-1","droveInstanceId":"AI-1","droveExecutorId":"e"}"#
        }
        let tokens = try await firstRecord()
        let audience = "drove-application-instance"
        #expect(await tokens.claim(of: signed(claims("drove", audience)))?.owner == "A-1")
        #expect(await tokens.claim(of: signed(claims("others", audience))) == nil)
        #expect(await tokens.claim(of: signed(claims("drove", "others"))) == nil)
        #expect(await tokens.claim(of: signed("{}")) == nil)
        #expect(await tokens.claim(of: signed("nothing")) == nil)
    }

    @Test func `a key is kept while an instance may hold a token of it, and its name stays its own`() async throws {
        var tokens = try await firstRecord()
        // Made at 1000, 2000 and 3000 s.
        for second: Int64 in [1000, 2000, 3000] {
            tokens = try #require(tokens.rotated(at: wall(second), oldest: wall(10)))
        }
        #expect(tokens.count == 4)
        // The first one's successor is of 1000 s; clocks may differ by a minute.
        #expect(tokens.rotated(at: wall(4000), oldest: wall(1059))?.count == 5)
        #expect(tokens.rotated(at: wall(4000), oldest: wall(1060))?.count == 4)
        #expect(tokens.rotated(at: wall(4000), oldest: wall(2060))?.count == 3)
        #expect(tokens.rotated(at: wall(4000), oldest: wall(9000))?.count == 2)
        let alone = try #require(tokens.rotated(at: wall(4000), oldest: nil))
        #expect(alone.count == 2)
        #expect(try alone.record.strings("ids") == ["3", "4"])
        let before = try await token(try await read(tokens.record))
        #expect(await (try read(alone.record)).claim(of: before)?.owner == "SHOP-1")
        for second: Int64 in 5...8 { tokens = try #require(tokens.rotated(at: wall(second * 1000), oldest: wall(10))) }
        #expect(tokens.count == InstanceTokens.mostKeys)
        #expect(tokens.rotated(at: wall(9000), oldest: wall(10)) == nil)
    }
}
