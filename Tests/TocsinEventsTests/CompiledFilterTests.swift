import Testing
import TocsinEvents

@Suite struct CompiledFilterTests {
    private func passes(
        _ filter: Filter, type: EventType = .exec, severity: Severity? = nil, uid: UInt32? = 1000, path: String = "",
        oldPath: String = "", restrictedTo: UInt32? = nil
    ) throws -> Bool {
        let facts = EventFacts(
            typeCode: type.code ?? EventFacts.unknownType, severity: severity?.rawValue ?? 0, uid: uid, realtimeUSec: 0,
            monotonicUSec: 0)
        return try CompiledFilter(filter, restrictedToUID: restrictedTo)
            .matches(facts, path: Array(path.utf8).span, oldPath: Array(oldPath.utf8).span)
    }

    @Test("absent members do not restrict")
    func absent() throws {
        #expect(try passes(Filter()))
        #expect(try passes(Filter(), type: .unknown("new"), uid: nil))
    }

    @Test("each member restricts by itself")
    func members() throws {
        #expect(try passes(Filter(types: [.exec, .exit])))
        #expect(try !passes(Filter(types: [.exit])))
        #expect(try !passes(Filter(types: [.exit]), type: .unknown("new")))
        #expect(try !passes(Filter(types: [])))
        #expect(try passes(Filter(uids: [1, 1000])))
        #expect(try !passes(Filter(uids: [1])))
        #expect(try !passes(Filter(uids: [1000]), uid: nil))
        #expect(try passes(Filter(minimumSeverity: .high), severity: .critical))
        #expect(try !passes(Filter(minimumSeverity: .high), severity: .medium))
        #expect(try !passes(Filter(minimumSeverity: .informational), severity: nil))
        #expect(try passes(Filter(paths: ["/x", "/bin/*"]), path: "/bin/sh"))
        #expect(try !passes(Filter(paths: ["/bin/*"]), path: "/sbin/sh"))
        #expect(try !passes(Filter(paths: ["/bin/*"])))
        #expect(try !passes(Filter(excludePaths: ["/bin/*"]), path: "/bin/sh"))
        #expect(try passes(Filter(excludePaths: ["/bin/*"])))
        #expect(try !passes(Filter(paths: ["/bin/*"], excludePaths: ["**/sh"]), path: "/bin/sh"))
    }

    @Test("a rename is seen under either name, and excluded only under both")
    func rename() throws {
        let filter = Filter(paths: ["/etc/**"])
        #expect(try passes(filter, type: .rename, path: "/tmp/x", oldPath: "/etc/x"))
        #expect(try passes(filter, type: .rename, path: "/etc/x", oldPath: "/tmp/x"))
        let exclude = Filter(excludePaths: ["/tmp/**"])
        #expect(try passes(exclude, type: .rename, path: "/etc/x", oldPath: "/tmp/x"))
        #expect(try !passes(exclude, type: .rename, path: "/tmp/y", oldPath: "/tmp/x"))
    }

    @Test("a gap passes every filter")
    func gap() throws {
        let filter = Filter(types: [], paths: [], excludePaths: ["**"], uids: [], minimumSeverity: .critical)
        #expect(try passes(filter, type: .gap, uid: nil, restrictedTo: 5))
    }

    @Test("what the daemon imposes holds whatever the client asks for")
    func restricted() throws {
        #expect(try passes(Filter(uids: [1000]), restrictedTo: 1000))
        #expect(try !passes(Filter(uids: [0]), uid: 0, restrictedTo: 1000))
        #expect(try !passes(Filter(), uid: nil, restrictedTo: 1000))
    }

    @Test("what cannot be understood is refused with its place; too much is refused with the limit")
    func refused() {
        #expect(throws: FilterError.invalid(member: "types[1]", reason: "no event has the type \"boot\"")) {
            _ = try CompiledFilter(Filter(types: [.exec, .unknown("boot")]))
        }
        #expect(throws: FilterError.invalid(member: "paths[1]", reason: "at byte 2: the [ is never closed")) {
            _ = try CompiledFilter(Filter(paths: ["/ok", "/a[b"]))
        }
        #expect(throws: FilterError.tooMany(member: .uids, limit: 32)) {
            _ = try CompiledFilter(Filter(uids: Array(0...32)))
        }
        #expect(throws: FilterError.tooMany(member: .patternBytes, limit: 1024)) {
            _ = try CompiledFilter(Filter(excludePaths: ["/" + String(repeating: "a", count: 1024)]))
        }
    }
}
