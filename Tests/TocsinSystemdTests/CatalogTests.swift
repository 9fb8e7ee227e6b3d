import Glibc
import Testing

@testable import TocsinSystemd

@Suite struct CatalogTests {
    /// The lines of `systemd/tocsin.catalog` in the checkout that this test was built from.
    private func catalog() throws -> [Substring] {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let file = try #require(fopen("/\(root)/systemd/tocsin.catalog", "r"))
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var byte = fgetc(file)
        while byte != EOF {
            bytes.append(UInt8(byte))
            byte = fgetc(file)
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    }

    @Test("every kind of entry is explained by the catalog once, and the catalog explains nothing else")
    func complete() throws {
        let explained = try catalog().filter { $0.hasPrefix("-- ") }.map { String($0.dropFirst(3)) }
        #expect(explained.sorted() == MessageID.allCases.map(\.rawValue).sorted())
    }

    @Test("every explanation has a subject and names its origin")
    func headers() throws {
        let lines = try catalog()
        for (index, line) in lines.enumerated() where line.hasPrefix("-- ") {
            #expect(lines[index + 1].hasPrefix("Subject: "), "\(line)")
            #expect(lines[index + 2] == "Defined-By: tocsin", "\(line)")
        }
    }
}
