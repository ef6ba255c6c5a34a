/// How applications are spread whose policy does not say: a SPREAD policy, or `{"type":"NONE"}`.
package struct DefaultSpread: SpecPart {
    package var policy: SpreadPolicy?

    package init(_ policy: SpreadPolicy?) { self.policy = policy }

    package init(_ reader: SpecReader) {
        policy = reader.kind(["SPREAD", "NONE"]) == "SPREAD" ? SpreadPolicy(reader) : nil
    }

    package var json: JSON { policy?.json ?? ["type": "NONE"] }
}
