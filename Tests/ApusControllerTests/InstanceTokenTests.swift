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
}
