import Testing
import TocsinLinux
import TocsinSensors

@Suite struct ExecutableFormatTests {
    static func format(_ bytes: [UInt8]) -> ExecutableFormat {
        ExecutableFormat { offset, count in Array(bytes.dropFirst(offset).prefix(count)) }
    }

    @Test(
        "the interpreter of a script is what the kernel would take",
        arguments: [
            ("#!/bin/sh\n", "/bin/sh"), ("#! \t/usr/bin/env python3 -I\n", "/usr/bin/env"), ("#!/bin/sh", "/bin/sh"),
            ("#!/bin/a\u{0}b", "/bin/a"),
        ])
    func script(_ text: String, _ interpreter: String) {
        #expect(Self.format(Array(text.utf8)) == .script(interpreter: Array(interpreter.utf8)))
    }

    @Test(
        "what the kernel would not execute is unknown",
        arguments: ["", "#!", "#!\n", "#! \n/bin/sh", "MZ", "\u{7F}ELF"])
    func unknown(_ text: String) {
        #expect(Self.format(Array(text.utf8)) == .unknown)
    }

    @Test("a real program names its linker, and the linker none")
    func real() throws {
        let cat = try FileDescriptor.open("/bin/cat").readToEnd(limit: 1 << 24)
        guard case .dynamic(let path) = Self.format(cat) else {
            Issue.record("cat is not dynamic")
            return
        }
        let linker = try FileDescriptor.open(String(decoding: path, as: UTF8.self)).readToEnd(limit: 1 << 24)
        #expect(Self.format(linker) == .static)
    }

    @Test("a damaged header is unknown or something, and never a crash")
    func hostile() throws {
        let cat = try FileDescriptor.open("/bin/cat").read(count: 4096, at: 0)
        for index in 0..<128 {
            for value in [0, 1, 0x7F, 0x80, 0xFF] as [UInt8] {
                var bytes = cat
                bytes[index] = value
                _ = Self.format(bytes)
                _ = Self.format(Array(bytes.prefix(index)))
            }
        }
        var foreign = cat
        // EM_PPC64
        foreign[18] = 21
        #expect(Self.format(foreign) == .unknown)
    }
}
