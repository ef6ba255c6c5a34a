import ApusClient
import ApusModel
import ArgumentParser

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What is to be applied, read and checked whole before anything is changed.
struct ApplyArguments: ParsableArguments {
    private static let mostDocuments = 1000

    @Argument(
        help: ArgumentHelp(
            "Files in JSON or YAML, folders of such, or - for standard input. A YAML file may hold several documents.",
            valueName: "file"
        ),
        completion: SpecificationFile.completion
    )
    var paths: [String]

    @Option(
        help: ArgumentHelp(
            """
            How many instances each application is to have, 0 to 2048, or a share of what the cluster's cores can hold, \
            as 7%. Default: as many as now; 1 of a new one.
            """,
            valueName: "n"
        )
    )
    var instances: InstanceCount?

    func validate() throws {
        try instances?.validate("--instances")
        guard paths.filter({ $0 == "-" }).count < 2 else {
            throw ValidationError("standard input can be read once: name - once")
        }
    }

    /// What applying them changes.
    ///
    /// - Throws: `CommandFailure` or `ClientError` with every mistake of every document.
    func plan(_ client: APIClient) async throws -> ApplyPlan {
        let documents = try documents()
        try await check(documents, client)
        let holdings = try await client.holdings(for: documents.map(\.workload))
        return ApplyPlan(documents, on: holdings, instances: instances)
    }

    private func documents() throws -> [WantedDocument] {
        var documents: [WantedDocument] = []
        var mistakes: [String] = []
        for file in try files() {
            do {
                for document in try Self.documents(of: file) {
                    switch document {
                    case .success(let document): documents.append(document)
                    case .failure(let failure): mistakes.append(failure.message)
                    }
                }
            } catch let failure as CommandFailure {
                mistakes.append(failure.message)
            }
            guard documents.count + mistakes.count <= Self.mostDocuments else {
                throw CommandFailure(.other, "More than \(Self.mostDocuments) documents: apply them in parts")
            }
        }
        mistakes += WantedDocument.doubles(in: documents)
        guard mistakes.isEmpty else { throw CommandFailure(.other, mistakes.joined(separator: "\n")) }
        return documents
    }

    private static func documents(of file: SpecificationFile) throws -> [Result<WantedDocument, CommandFailure>] {
        let all = try file.documents()
        let documents = all.enumerated().filter { $0.element != .null }.map { index, json in
            let place = all.count == 1 ? file.name : "\(file.name), document \(index + 1)"
            return WantedDocument.read(json, at: place).mapError { refusal in
                let errors = refusal.errors.joined(separator: "\n  ")
                return CommandFailure(.other, "\(place) is not a valid specification:\n  \(errors)")
            }
        }
        guard !documents.isEmpty else { throw CommandFailure(.other, "\(file.name) holds nothing") }
        return documents
    }

    /// A folder stands for its files by name, those in folders within it left out.
    private func files() throws -> [SpecificationFile] {
        try paths.flatMap { path -> [SpecificationFile] in
            guard let names = Self.names(in: path) else { return [SpecificationFile(path: path)] }
            let wanted = names.sorted().filter { name in
                !name.hasPrefix(".") && [".json", ".yaml", ".yml"].contains { name.hasSuffix($0) }
            }
            guard !wanted.isEmpty else {
                throw CommandFailure(.other, "\(path) holds no file that ends in .json, .yaml or .yml")
            }
            let folder = path.hasSuffix("/") ? path : "\(path)/"
            return wanted.map { SpecificationFile(path: folder + $0) }
        }
    }

    /// `nil` if it is no folder that can be read.
    private static func names(in path: String) -> [String]? {
        guard path != "-" else { return nil }
        do {
            return try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            // Read as a file it says what is wrong.
            return nil
        }
    }

    /// The controller knows what this cluster allows.
    private func check(_ documents: [WantedDocument], _ client: APIClient) async throws {
        var mistakes: [String] = []
        for document in documents {
            do {
                try await client.validate(document.workload)
            } catch let error as ClientError {
                guard case .refused(let texts) = error.code else { throw error }
                mistakes += texts.map { "\(document.place): \($0)" }
            }
        }
        guard mistakes.isEmpty else { throw ClientError(.refused(mistakes), mistakes.joined(separator: "\n")) }
    }
}
