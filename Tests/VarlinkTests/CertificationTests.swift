import Glibc
import TestSupport
import Testing

@testable import Varlink

/// `org.varlink.certification` against other implementations, in both directions.
@Suite struct CertificationTests {
    static func succeeds(_ program: String, _ arguments: [String]) -> Bool {
        guard let process = try? PipedProcess(program, arguments), let result = try? process.finish() else {
            return false
        }
        return result.status == 0
    }

    static let hasPython = succeeds("python3", ["-c", "import varlink.tests.test_certification"])
    static let hasGo = access("/usr/bin/varlink-go-certification", X_OK) == 0

    /// Runs a client against a service at a path of their own.
    private func run(
        _ client: (_ address: String) throws -> PipedProcess,
        against service: (_ address: String) throws -> PipedProcess
    ) throws -> (output: String, status: Int32) {
        var template = Array("/tmp/varlink-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError(code: errno) }
        let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let path = "\(directory)/socket"
        defer {
            unlink(path)
            rmdir(directory)
        }
        let server = try service("unix:\(path)")
        // Some print nothing: that a connection is possible is the sign.
        for _ in 0..<4000 where (try? TestSocket(connectingTo: path)) == nil { usleep(5000) }
        let result = try client("unix:\(path)").finish()
        server.send(SIGKILL)
        return result
    }

    private func own(_ arguments: [String] = []) -> (String) throws -> PipedProcess {
        { try PipedProcess(certification: arguments + ["--varlink=\($0)"]) }
    }

    private func python(_ arguments: [String] = []) -> (String) throws -> PipedProcess {
        { try PipedProcess("python3", ["-m", "varlink.tests.test_certification"] + arguments + ["--varlink=\($0)"]) }
    }

    private func go(_ arguments: [String] = []) -> (String) throws -> PipedProcess {
        { try PipedProcess("varlink-go-certification", arguments + ["-varlink", $0]) }
    }

    @Test("the own client passes against the own service")
    func ownAgainstOwn() throws {
        let result = try run(own(["--client"]), against: own())
        #expect(result.output == "Certification passed\n")
        #expect(result.status == 0)
    }

    @Test(
        "python-varlink's client passes against the own service",
        .enabled(if: hasPython, "python-varlink is not installed"))
    func pythonClient() throws {
        let result = try run(python(["--client"]), against: own())
        #expect(result.status == 0, "\(result.output)")
        #expect(result.output.contains("Certification passed"))
    }

    @Test(
        "the own client passes against python-varlink's service",
        .enabled(if: hasPython, "python-varlink is not installed"))
    func pythonService() throws {
        let result = try run(own(["--client"]), against: python())
        #expect(result.status == 0, "\(result.output)")
    }

    @Test("varlink-go's client passes against the own service", .enabled(if: hasGo, "varlink-go is not installed"))
    func goClient() throws {
        let result = try run(go(["-client"]), against: own())
        // It reports a failure by its output alone.
        #expect(result.output.hasSuffix("End: 'true'\n"), "\(result.output)")
        #expect(result.status == 0)
    }

    @Test("the own client passes against varlink-go's service", .enabled(if: hasGo, "varlink-go is not installed"))
    func goService() throws {
        let result = try run(own(["--client"]), against: go())
        #expect(result.status == 0, "\(result.output)")
    }

    @Test("the own service refuses a call out of order, and an unknown client")
    func refusals() throws {
        let result = try run(
            { address in
                let socket = try TestSocket(connectingTo: String(address.dropFirst("unix:".count)))
                try socket.send(#"{"method":"org.varlink.certification.Test01","parameters":{"client_id":"x"}}"#)
                #expect(try socket.receive() == #"{"error":"org.varlink.certification.ClientIdError"}"#)
                return try PipedProcess("true", [])
            }, against: own())
        #expect(result.status == 0)
    }
}
