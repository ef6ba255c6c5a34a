import Foundation

/// A package of PyPI in a folder of this process's own: installed when it is first wanted, removed at the process's end.
///
/// pip knows where packages come from.
enum PythonPackage {
    /// The folder with its programs.
    static let drove = Result { try install("drove-cli==0.0.14") }
    static let schemathesis = Result { try install("schemathesis==4.32.5") }

    private static let folder = NSTemporaryDirectory() + "apus-pypi-\(getpid())"
    private static let clearing: Void = {
        atexit { try? FileManager.default.removeItem(atPath: PythonPackage.folder) }
    }()

    private static func install(_ requirement: String) throws -> String {
        clearing
        let environment = "\(folder)/\(requirement)"
        let python = try execute("/usr/bin/env", ["python3", "-m", "venv", environment])
        try check(python.code == 0, "python3 -m venv failed (Debian: install python3-venv): \(python.output)")
        let pip = try execute(
            "\(environment)/bin/pip",
            ["install", "--quiet", "--disable-pip-version-check", requirement]
        )
        try check(pip.code == 0, "pip install \(requirement) failed: \(pip.output)")
        return "\(environment)/bin"
    }

    /// Runs a program to its end.
    static func execute(_ program: String, _ arguments: [String]) throws -> (code: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}
