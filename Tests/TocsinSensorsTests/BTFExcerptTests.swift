import CLibBPF
import Glibc
import Testing
import TocsinSensors

/// What libbpf wrote, and what it makes of the excerpt.
@Suite struct BTFExcerptTests {
    @Test(
        "what a structure holds is copied with it, and what it points to is declared, or copied where it is wanted too")
    func closure() throws {
        let types = WrittenBTF()
        let int = types.integer("int", size: 4)
        let char = types.integer("char", size: 1)
        types.structure("stranger", size: 4, [("unrelated", int, 0)])
        let node = types.structure("node", size: 4, [("value", int, 0)])
        let number = btf__add_typedef(types.btf, "number_t", btf__add_const(types.btf, int))
        let pair = types.structure(nil, size: 8, [("left", int, 0), ("right", number, 32)])
        let either = types.union(nil, size: 8, [(nil, pair, 0), ("both", btf__add_array(types.btf, int, char, 8), 0)])
        let held = types.structure("held", size: 16, [("text", btf__add_array(types.btf, int, char, 16), 0)])
        let flag = types.enumeration("flag", ["FLAG_A", "FLAG_B"])
        let pointer = btf__add_ptr(types.btf, btf__add_const(types.btf, node))
        let call = btf__add_ptr(types.btf, types.prototype([pointer, int]))
        let double = btf__add_float(types.btf, "double", 8)
        let list = btf__add_ptr(types.btf, types.next + 1)
        types.structure(
            "wanted", size: 64,
            [
                ("self", list, 0), ("node", pointer, 64), (nil, either, 128), ("held", held, 192), ("call", call, 320),
                ("flag", flag, 384), ("last", double, 448),
            ])
        let packed = btf__add_struct(types.btf, "packed", 4)
        btf__add_field(types.btf, "low", int, 0, 3)
        btf__add_field(types.btf, "high", int, 3, 5)
        btf__add_func(types.btf, "wanted", BTF_FUNC_GLOBAL, types.prototype([btf__add_ptr(types.btf, packed)]))

        let header = try text(types.excerpt(of: ["wanted", "packed", "absent"]))
        #expect(
            header == """
                struct node;

                typedef const int number_t;

                struct held {
                \tchar text[16];
                };

                enum flag {
                \tFLAG_A = 0,
                \tFLAG_B = 1,
                };

                struct wanted {
                \tstruct wanted *self;
                \tconst struct node *node;
                \tunion {
                \t\tstruct {
                \t\t\tint left;
                \t\t\tnumber_t right;
                \t\t};
                \t\tchar both[8];
                \t};
                \tstruct held held;
                \tvoid (*call)(const struct node *, int);
                \tenum flag flag;
                \tdouble last;
                };

                struct packed {
                \tint low: 3;
                \tint high: 5;
                };


                """)
    }

    @Test("all types of a name are taken, whatever their flavour and kind")
    func flavours() throws {
        let types = WrittenBTF()
        let int = types.integer("int", size: 4)
        for (name, member) in [
            ("a", "first"), ("a", "second"), ("a___new", "third"), ("a__b", "fourth"), ("ab", "fifth"),
        ] {
            types.structure(name, size: 4, [(member, int, 0)])
        }
        btf__add_typedef(types.btf, "a", int)
        let excerpt = try types.excerpt(of: ["a___old"])
        let members = ["first", "second", "third", "fourth", "fifth"].filter { contains(excerpt, $0) }
        #expect(members == ["first", "second", "third"])
        #expect(names(excerpt) == ["a", "a", "a___new", "a", "int"])
    }

    @Test("a type is found wherever it is among thousands")
    func many() throws {
        let types = WrittenBTF()
        let int = types.integer("int", size: 4)
        for number in 0..<3000 {
            let next = btf__add_ptr(types.btf, types.next + 3)
            types.structure("type_\(number)", size: 16, [("next_\(number)", next, 0), ("value", int, 64)])
        }
        for number in stride(from: 0, to: 3000, by: 37) {
            let excerpt = try types.excerpt(of: ["type_\(number)"])
            #expect(contains(excerpt, "next_\(number)") && excerpt.count < 300)
        }
    }

    @Test("types that hold themselves come to an end")
    func cycles() throws {
        let types = WrittenBTF()
        let int = types.integer("int", size: 4)
        let first = types.next
        types.structure("a", size: 4, [("b", first + 1, 0), ("t", first + 2, 0)])
        types.structure("b", size: 4, [("a", first, 0), ("array", first + 3, 0)])
        btf__add_typedef(types.btf, "t", first + 2)
        btf__add_array(types.btf, int, first + 3, 2)
        #expect(names(try types.excerpt(of: ["a"])) == ["a", "b", "t", "", "int"])
    }

    @Test("a kind that is not known gives no excerpt, even where it is not wanted")
    func unknown() throws {
        let types = WrittenBTF()
        types.structure("wanted", size: 0, [])
        types.structure("stranger", size: 0, [])
        var bytes = types.bytes
        #expect(throws: Never.self) { try Self.excerpt(of: ["wanted"], from: bytes) }
        // The kind is in bits 24 to 28 of the second word of the second type.
        bytes[24 + 12 + 7] = 31
        #expect(throws: UnreadableBTF.self) { try Self.excerpt(of: ["wanted"], from: bytes) }
    }

    @Test("what is cut short gives no excerpt, and what is damaged none or a small one")
    func hostile() throws {
        let types = WrittenBTF()
        let int = types.integer("int", size: 4)
        let value = types.union(
            nil, size: 4, [("value", int, 0), ("array", btf__add_array(types.btf, int, int, 1), 0)])
        let call = btf__add_ptr(types.btf, types.prototype([int, btf__add_ptr(types.btf, value)]))
        types.structure("wanted", size: 16, [(nil, value, 0), ("call", call, 64)])
        types.enumeration("flag", ["FLAG_A"])
        let bytes = types.bytes
        for count in bytes.indices {
            #expect(throws: UnreadableBTF.self) { try Self.excerpt(of: ["wanted"], from: Array(bytes.prefix(count))) }
        }
        for index in bytes.indices {
            for value in [0, 1, 2, 4, 0x0D, 0x7F, 0x80, 0xFF] as [UInt8] {
                var damaged = bytes
                damaged[index] = value
                guard let excerpt = try? Self.excerpt(of: ["wanted"], from: damaged) else { continue }
                #expect(excerpt.count < 1000)
            }
        }
        // Of a machine with the other order of bytes.
        let swapped = [bytes[1], bytes[0]] + bytes.dropFirst(2)
        #expect(throws: UnreadableBTF.self) { try Self.excerpt(of: ["wanted"], from: swapped) }
    }

    @Test("names that share their bytes make no excerpt of a size without bounds")
    func bounded() throws {
        let types = WrittenBTF()
        let int = types.integer(String(repeating: "n", count: 4000), size: 4)
        let count: UInt32 = 1000
        let number = types.structure("wanted", size: 4, (0..<count).map { _ in (nil, int, 0) })
        var bytes = types.bytes
        // Each member's name is the end of that of the integer before, which is the first.
        for member in 0..<Int(count) {
            let offset = UInt32(1 + member)
            withUnsafeBytes(of: offset) {
                let start = 24 + 16 + 12 + member * 12
                bytes.replaceSubrange(start..<(start + 4), with: $0)
            }
        }
        #expect(number == 2)
        #expect(throws: UnreadableBTF.self) { try Self.excerpt(of: ["wanted"], from: bytes) }
    }

    // MARK: Reading

    fileprivate static func excerpt(of names: [String], from bytes: [UInt8]) throws(UnreadableBTF) -> [UInt8] {
        try BTFExcerpt.make(of: TypeNames(names)) { offset, count in Array(bytes.dropFirst(offset).prefix(count)) }
    }

    private func contains(_ bytes: [UInt8], _ name: String) -> Bool {
        bytes.split(separator: 0).contains { $0.elementsEqual(name.utf8) }
    }

    private func names(_ bytes: [UInt8]) -> [String] {
        guard let btf = btf__new(bytes, UInt32(bytes.count)) else { return [] }
        defer { btf__free(btf) }
        return (1..<btf__type_cnt(btf)).map {
            String(cString: btf__name_by_offset(btf, btf__type_by_id(btf, $0).pointee.name_off))
        }
    }

    /// As a header of C.
    private func text(_ bytes: [UInt8]) throws -> String {
        let btf = try #require(btf__new(bytes, UInt32(bytes.count)))
        defer { btf__free(btf) }
        var text: [UInt8] = []
        withUnsafeMutablePointer(to: &text) { text in
            let dump = btf_dump__new(
                btf,
                { context, format, arguments in
                    guard let context, let format, let arguments else { return }
                    let piece = [UInt8](unsafeUninitializedCapacity: 1024) { buffer, count in
                        count = buffer.withMemoryRebound(to: CChar.self) {
                            min(Int(vsnprintf($0.baseAddress, $0.count, format, arguments)), $0.count - 1)
                        }
                    }
                    context.assumingMemoryBound(to: [UInt8].self).pointee += piece
                }, text, nil)
            defer { btf_dump__free(dump) }
            for number in 1..<btf__type_cnt(btf) { btf_dump__dump_type(dump, number) }
        }
        return String(decoding: text, as: UTF8.self)
    }
}

/// Types are numbered in the order in which they are added, from 1 on.
private final class WrittenBTF {
    let btf: OpaquePointer = btf__new_empty()

    deinit { btf__free(btf) }

    var next: Int32 { Int32(btf__type_cnt(btf)) }

    var bytes: [UInt8] {
        var size: UInt32 = 0
        return Array(UnsafeRawBufferPointer(start: btf__raw_data(btf, &size), count: Int(size)))
    }

    func excerpt(of names: [String]) throws -> [UInt8] { try BTFExcerptTests.excerpt(of: names, from: bytes) }

    func integer(_ name: String, size: Int) -> Int32 { btf__add_int(btf, name, size, Int32(BTF_INT_SIGNED)) }

    /// Name, type, and where it is in bits.
    typealias Field = (String?, Int32, UInt32)

    @discardableResult
    func structure(_ name: String?, size: UInt32, _ fields: [Field]) -> Int32 {
        let number = btf__add_struct(btf, name, size)
        for (name, type, offset) in fields { btf__add_field(btf, name, type, offset, 0) }
        return number
    }

    func union(_ name: String?, size: UInt32, _ fields: [Field]) -> Int32 {
        let number = btf__add_union(btf, name, size)
        for (name, type, offset) in fields { btf__add_field(btf, name, type, offset, 0) }
        return number
    }

    @discardableResult
    func enumeration(_ name: String, _ values: [String]) -> Int32 {
        let number = btf__add_enum(btf, name, 4)
        for (value, name) in values.enumerated() { btf__add_enum_value(btf, name, Int64(value)) }
        return number
    }

    /// Of these parameters, without a result.
    func prototype(_ parameters: [Int32]) -> Int32 {
        let number = btf__add_func_proto(btf, 0)
        for type in parameters { btf__add_func_param(btf, nil, type) }
        return number
    }
}
