/// How the kernel would execute a file, by its first bytes (fs/binfmt_elf.c, fs/binfmt_script.c).
package enum ExecutableFormat: Hashable, Sendable {
    /// Begins with `#!`: the kernel executes the interpreter instead.
    case script(interpreter: [UInt8])
    /// ELF that names a dynamic linker, which the kernel opens too.
    case dynamic(interpreter: [UInt8])
    /// ELF that is all there is. A dynamic linker is one itself.
    case `static`
    /// Not executable by itself: execve(2) fails with ENOEXEC, unless binfmt_misc knows an interpreter.
    case unknown

    /// `read` gives up to `count` bytes from `offset`, fewer at the end of the file, nil where it cannot be read.
    package init(read: (_ offset: Int, _ count: Int) -> [UInt8]?) {
        guard let start = read(0, 256) else {
            self = .unknown
            return
        }
        if start.starts(with: "#!".utf8) {
            self = Self.script(start)
        } else {
            self = Self.elf(start, read) ?? .unknown
        }
    }

    /// The kernel looks at 256 bytes; spaces and tabs may surround the name.
    private static func script(_ start: [UInt8]) -> ExecutableFormat {
        let blank: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        let name = start.dropFirst(2).drop(while: blank).prefix { !blank($0) && $0 != UInt8(ascii: "\n") && $0 != 0 }
        return name.isEmpty ? .unknown : .script(interpreter: Array(name))
    }

    // MARK: ELF

    private struct Header {
        var programHeaders: Int
        var entrySize: Int
        var count: Int
        var is64: Bool
    }

    private static func elf(_ start: [UInt8], _ read: (Int, Int) -> [UInt8]?) -> ExecutableFormat? {
        guard let header = header(start) else { return nil }
        // load_elf_phdrs: one to 64 KiB of headers.
        guard header.count > 0, header.count * header.entrySize <= 65536,
            let table = read(header.programHeaders, header.count * header.entrySize),
            table.count == header.count * header.entrySize
        else { return nil }
        for index in 0..<header.count {
            let entry = table[(index * header.entrySize)..<((index + 1) * header.entrySize)]
            // PT_INTERP
            guard integer(entry, at: 0, bytes: 4) == 3 else { continue }
            let offset = integer(entry, at: header.is64 ? 8 : 4, bytes: header.is64 ? 8 : 4)
            let size = integer(entry, at: header.is64 ? 32 : 16, bytes: header.is64 ? 8 : 4)
            guard (2...4096).contains(size), offset <= UInt64(Int.max) / 2, let name = read(Int(offset), Int(size)),
                name.count == Int(size), name.last == 0
            else { return nil }
            return .dynamic(interpreter: Array(name.prefix { $0 != 0 }))
        }
        return .static
    }

    /// Little-endian, executable or shared, and of a machine that this kernel may run: others need binfmt_misc.
    private static func header(_ start: [UInt8]) -> Header? {
        guard start.count >= 52, start.starts(with: [0x7F] + "ELF".utf8), start[5] == 1 else { return nil }
        let is64 = start[4] == 2
        guard is64 ? start.count >= 64 : start[4] == 1 else { return nil }
        let type = integer(start[...], at: 16, bytes: 2)
        guard type == 2 || type == 3, machines.contains(integer(start[...], at: 18, bytes: 2)) else { return nil }
        let offset = integer(start[...], at: is64 ? 32 : 28, bytes: is64 ? 8 : 4)
        guard offset <= UInt64(Int.max) / 2, integer(start[...], at: is64 ? 54 : 42, bytes: 2) == (is64 ? 56 : 32)
        else { return nil }
        return Header(
            programHeaders: Int(offset), entrySize: is64 ? 56 : 32,
            count: Int(integer(start[...], at: is64 ? 56 : 44, bytes: 2)), is64: is64)
    }

    /// EM_…: the machine's own and, where the kernel can be built to run it, the 32-bit one.
    #if arch(x86_64)
    private static let machines: Set<UInt64> = [62, 3]
    #elseif arch(arm64)
    private static let machines: Set<UInt64> = [183, 40]
    #elseif arch(riscv64)
    private static let machines: Set<UInt64> = [243]
    #else
    private static let machines: Set<UInt64> = [62, 3, 183, 40, 243]
    #endif

    private static func integer(_ bytes: ArraySlice<UInt8>, at offset: Int, bytes count: Int) -> UInt64 {
        let first = bytes.startIndex + offset
        return bytes[first..<(first + count)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
