package import ApusEngine
import ApusModel
package import ApusStore

/// Whether the records of an export can be a cluster's state: each is read by what reads it when a leader takes over, then
/// all of them together.
package enum ImportCheck {
    /// What is wrong with them, the first so many; none if a leader could take over.
    package static func faults(in records: [Record], of header: ExportHeader, atMost most: Int) -> [String] {
        var faults: [String] = []
        var seen: Set<RecordKey> = []
        for record in records where faults.count < most {
            let name = "\(record.key.kind.rawValue) \(record.key.id)"
            guard seen.insert(record.key).inserted else {
                faults.append("\(name): it is there twice")
                continue
            }
            if let fault = fault(in: record) { faults.append("\(name): \(fault)") }
        }
        if faults.isEmpty, let fault = faultTogether(records, header) { faults.append(fault) }
        return faults
    }

    private static func fault(in record: Record) -> String? {
        do throws(JSONError) {
            guard try !record.check() else { return nil }
            let json = try JSON(parsing: record.bytes)
            switch record.key {
            case Users.recordKey: _ = try Users(record: json)
            case InstanceTokens.recordKey: _ = try InstanceTokens(record: json)
            default: return "nothing reads such a record in apus \(ApusVersion.text)"
            }
            return nil
        } catch {
            return error.message
        }
    }

    private static func faultTogether(_ records: [Record], _ header: ExportHeader) -> String? {
        do throws(JSONError) {
            _ = try Engine(
                cluster: header.cluster,
                epoch: header.epoch + 1,
                seed: 1,
                records: records,
                at: Times(now: .zero, wall: header.time)
            )
            return nil
        } catch {
            return error.message
        }
    }
}
