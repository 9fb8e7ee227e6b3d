import JSON
import Testing
import TocsinEvents

@Suite struct FilterCodingTests {
    @Test("what does not restrict is left out")
    func empty() {
        #expect(Filter().json == .object([:]))
        #expect(Filter().isEmpty)
    }

    @Test("an empty list is not an absent one")
    func emptyList() {
        #expect(Filter(types: []).json == .object(["types": .array([])]))
        #expect(!Filter(types: []).isEmpty)
    }

    @Test("every restriction is written under the interface's name, and read back")
    func whole() throws {
        let filter = Filter(
            types: [.exec, .unknown("teleport")], paths: ["/etc/**"], excludePaths: ["/etc/mtab"], uids: [0, .max],
            minimumSeverity: .high)
        let json: JSONObject = [
            "types": .array([.string("exec"), .string("teleport")]), "paths": .array([.string("/etc/**")]),
            "excludePaths": .array([.string("/etc/mtab")]), "uids": .array([.integer(0), .integer(4_294_967_295)]),
            "minimumSeverity": .string("high"),
        ]
        #expect(filter.json == .object(json))
        #expect(try Filter(json: .object(json)) == filter)
    }

    @Test("a wrong member is named")
    func errors() {
        let error = #expect(throws: MemberError.self) {
            try Filter(json: .object(["uids": .array([.integer(-1)])]))
        }
        #expect(error?.description == "uids[0]: expected an integer from 0 to 4294967295")
    }
}
