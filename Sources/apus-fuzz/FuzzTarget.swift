import ApusModel

/// What became of an input.
enum FuzzOutcome: Hashable, Sendable {
    case taken
    /// As it should be with most of them.
    case refused
    /// What must not be.
    case wrong(String)
}

/// Something that must hold of what was read does not.
struct Broken: Error {
    let what: String

    init(_ what: String) { self.what = what }
}

/// One reader of what comes from outside.
struct FuzzTarget: Sendable {
    /// Letters and hyphens.
    let name: String
    /// Inputs that broken ones are made of; of some at least it is known that they are taken.
    let samples: [[UInt8]]
    let read: @Sendable ([UInt8]) async -> FuzzOutcome

    private static let mostSamples = 32

    init(_ name: String, _ samples: [[UInt8]], _ read: @escaping @Sendable ([UInt8]) async -> FuzzOutcome) {
        self.name = name
        self.samples = samples
        self.read = read
    }

    /// Of what is only read; false and an error, but for `Broken`, are refusals.
    static func once(
        _ name: String,
        _ samples: [String],
        _ read: @escaping @Sendable ([UInt8]) throws -> Bool
    ) -> FuzzTarget {
        FuzzTarget(name, samples.map { Array($0.utf8) }) { bytes in
            do {
                return try read(bytes) ? .taken : .refused
            } catch let broken as Broken {
                return .wrong(broken.what)
            } catch {
                return .refused
            }
        }
    }

    /// Of what is only read from JSON; the corpus has samples for it too.
    static func once(
        _ name: String,
        _ corpus: Corpus,
        _ samples: [String] = [],
        _ read: @escaping @Sendable (JSON) throws -> Void
    ) -> FuzzTarget {
        let reading: @Sendable ([UInt8]) throws -> Bool = { bytes in
            try read(try JSON(parsing: bytes))
            return true
        }
        return once(name, samples + Self.samples(of: corpus, reading), reading)
    }

    /// Of what is read from JSON and written so: both ways it stays the same.
    static func json<Value: Sendable>(
        _ name: String,
        _ corpus: Corpus,
        _ samples: [String] = [],
        read: @escaping @Sendable (JSON) throws -> Value,
        again: (@Sendable (JSON) throws -> Value)? = nil,
        write: @escaping @Sendable (Value) -> JSON,
        isSame: (@Sendable (Value, Value) -> Bool)? = nil
    ) -> FuzzTarget {
        let isTaken: @Sendable ([UInt8]) throws -> Bool = { bytes in
            _ = try read(try JSON(parsing: bytes))
            return true
        }
        let all = samples + Self.samples(of: corpus, isTaken)
        return text(
            name,
            all,
            read: { try read(try JSON(parsing: $0)) },
            again: { try (again ?? read)(try JSON(parsing: $0)) },
            write: { write($0).bytes },
            isSame: { isSame?($0, $1) ?? (write($0) == write($1)) }
        )
    }

    /// Of what is read and written as bytes; `nil` and an error, but for `Broken`, are refusals.
    static func text<Value: Sendable>(
        _ name: String,
        _ samples: [String],
        read: @escaping @Sendable ([UInt8]) throws -> Value?,
        again: (@Sendable ([UInt8]) throws -> Value?)? = nil,
        write: @escaping @Sendable (Value) -> [UInt8],
        isSame: @escaping @Sendable (Value, Value) -> Bool
    ) -> FuzzTarget {
        FuzzTarget(name, samples.map { Array($0.utf8) }) { bytes in
            let value: Value
            do {
                guard let first = try read(bytes) else { return .refused }
                value = first
            } catch let broken as Broken {
                return .wrong(broken.what)
            } catch {
                return .refused
            }
            let written = write(value)
            do {
                guard let second = try (again ?? read)(written) else {
                    return .wrong("what it wrote itself is refused: \(shown(written))")
                }
                guard isSame(value, second) else {
                    return .wrong("what it wrote reads as something else: \(shown(written))")
                }
            } catch {
                return .wrong("what it wrote itself is refused (\(error)): \(shown(written))")
            }
            return .taken
        }
    }

    /// A part of a specification, as a user sends it and as a record of it is read.
    static func part<Part: SpecPart>(_ name: String, _ corpus: Corpus, _ samples: [String], _: Part.Type) -> FuzzTarget
    {
        json(
            name,
            corpus,
            samples,
            read: { try Part.validated($0).get() },
            again: { try Part(json: $0) },
            write: \.json,
            isSame: { $0 == $1 }
        )
    }

    /// Those objects of the corpus that are taken, each of another length.
    private static func samples(of corpus: Corpus, _ isTaken: ([UInt8]) throws -> Bool) -> [String] {
        var (lengths, samples): (Set<Int>, [String]) = ([], [])
        for object in corpus.objects where samples.count < mostSamples {
            do {
                guard try isTaken(object), lengths.insert(object.count).inserted else { continue }
                samples.append(String(decoding: object, as: UTF8.self))
            } catch {
                // It is of another kind.
                continue
            }
        }
        return samples
    }
}
