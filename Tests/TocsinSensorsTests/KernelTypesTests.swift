import CLibBPF
import CTocsinProbes
import Glibc
import Synchronization
import Testing
import TocsinLinux

@testable import TocsinSensors

/// With libbpf as the judge: what it finds in the excerpt is what it finds in all that the kernel says.
@Suite(.enabled(if: geteuid() == 0, "loading probes needs root"), .serialized)
struct KernelTypesTests {
    private static let whole = "/sys/kernel/btf/vmlinux"

    @Test("the probes become the same instructions by the excerpt as by all that the kernel says")
    func relocation() throws {
        let types = try Self.excerpt()
        let expected = try Self.instructions(typesAt: Self.whole)
        #expect(
            Set(expected.keys) == ["on_exec", "on_fork", "on_exit"] && expected.values.allSatisfy { $0.count > 100 })
        #expect(try Self.instructions(typesAt: types.path) == expected)
    }

    @Test("every member of every structure that the probes name is where the kernel has it")
    func members() throws {
        let types = try Self.excerpt()
        let excerpt = try #require(btf__parse(types.path, nil))
        let kernel = try #require(btf__parse(Self.whole, nil))
        defer { for btf in [excerpt, kernel] { btf__free(btf) } }
        let probes = try OpenedProbes()
        let named = Self.structures(in: try #require(bpf_object__btf(probes.object)), and: kernel)
        #expect(named.count > 25 && named.contains("task_struct") && named.contains("kernfs_node"))
        for name in named {
            let members = try Self.members(of: name, in: kernel)
            #expect(try Self.members(of: name, in: excerpt) == members, "\(name)")
        }
    }

    @Test("the excerpt is a twentieth of it at most")
    func size() throws {
        let types = try Self.excerpt()
        let size = try FileStatus.of(types.path).size
        #expect(try size > 0 && size < FileStatus.of(Self.whole).size / 20)
    }

    @Test("libbpf does not look for the kernel's types where it has the excerpt")
    func only() throws {
        let types = try Self.excerpt()
        let probes = try OpenedProbes(typesAt: types.path)
        let told = Told()
        #expect(bpf_object__load(probes.object) == 0)
        #expect(told.text.contains("CO-RE relocating") && !told.text.contains("loading kernel BTF"))

        let others = try OpenedProbes()
        let toldOthers = Told()
        #expect(bpf_object__load(others.object) == 0)
        #expect(toldOthers.text.contains("loading kernel BTF"))
    }

    // MARK: libbpf

    private struct NoExcerpt: Error {}

    private static func excerpt() throws -> KernelTypes {
        guard let types = KernelTypes(of: try OpenedProbes().typeNames) else { throw NoExcerpt() }
        return types
    }

    /// Of each program, as they were loaded; without the descriptors of maps.
    private static func instructions(typesAt path: String) throws -> [String: [UInt64]] {
        let probes = try OpenedProbes(typesAt: path)
        try probes.load(probe_settings(pid_namespace: 0, ring_size: 4096, patience_nsec: 0))
        var programs: [String: [UInt64]] = [:]
        var next = bpf_object__next_program(probes.object, nil)
        while let program = next {
            let count = Int(bpf_program__insn_cnt(program))
            let words = UnsafeRawBufferPointer(start: bpf_program__insns(program), count: count * 8)
            // BPF_LD | BPF_IMM | BPF_DW of a map has its descriptor in the upper half.
            programs[String(cString: bpf_program__name(program))] = words.bindMemory(to: UInt64.self).map {
                $0 & 0xFF == 0x18 && $0 >> 12 & 0xF != 0 ? $0 & 0xFFFF_FFFF : $0
            }
            next = bpf_object__next_program(probes.object, program)
        }
        return programs
    }

    /// Names of all that both have.
    private static func structures(in probes: OpaquePointer, and kernel: OpaquePointer) -> [String] {
        (1..<btf__type_cnt(probes)).compactMap { number in
            guard let type = btf__type_by_id(probes, number), btf_kind(type) == BTF_KIND_STRUCT else { return nil }
            let name = String(cString: btf__name_by_offset(probes, type.pointee.name_off))
            return btf__find_by_name_kind(kernel, name, UInt32(BTF_KIND_STRUCT)) > 0 ? name : nil
        }
    }

    private struct Member: Hashable {
        var name: String
        var bitOffset: UInt32
        var bitFieldSize: UInt32
        var byteCount: Int64
    }

    /// Its own, and those of the structures that it holds.
    private static func members(of name: String, in btf: OpaquePointer) throws -> [Member] {
        let number = btf__find_by_name_kind(btf, name, UInt32(BTF_KIND_STRUCT))
        try #require(number > 0, "\(name)")
        return members(of: UInt32(number), in: btf, at: 0)
    }

    private static func members(of number: UInt32, in btf: OpaquePointer, at start: UInt32) -> [Member] {
        guard var type = btf__type_by_id(btf, number) else { return [] }
        while btf_is_mod(type) || btf_is_typedef(type), let meant = btf__type_by_id(btf, type.pointee.type) {
            type = meant
        }
        guard btf_is_composite(type) else { return [] }
        return (0..<UInt32(btf_vlen(type))).flatMap { index in
            let member = btf_members(type)[Int(index)]
            let offset = start + btf_member_bit_offset(type, index)
            let own = Member(
                name: String(cString: btf__name_by_offset(btf, member.name_off)), bitOffset: offset,
                bitFieldSize: btf_member_bitfield_size(type, index), byteCount: btf__resolve_size(btf, member.type))
            return [own] + members(of: member.type, in: btf, at: offset)
        }
    }
}

/// All that libbpf says from now on. It has one callback for the process.
private struct Told {
    private static let lines = Mutex<[UInt8]>([])

    init() {
        Self.lines.withLock { $0 = [] }
        libbpf_set_print { _, format, arguments in
            guard let format, let arguments else { return 0 }
            let line = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
                count = buffer.withMemoryRebound(to: CChar.self) {
                    min(Int(vsnprintf($0.baseAddress, $0.count, format, arguments)), $0.count - 1)
                }
            }
            Told.lines.withLock { $0 += line }
            return Int32(line.count)
        }
    }

    var text: String { Self.lines.withLock { String(decoding: $0, as: UTF8.self) } }
}
