import Testing
import TocsinEvents
import TocsinLinux
import TocsinSensors

/// The sequences are those of a 6.18 kernel for the commands named.
@Suite struct ExecAssemblerTests {
    typealias Open = ExecAssembler.Open

    static func file(_ inode: UInt64) -> FileIdentity { FileIdentity(device: 1, inode: inode) }

    static let linker = Open(file: file(1), path: "/lib/ld.so", format: .static)
    static let dash = dynamic(2, "/bin/dash")
    static let ls = dynamic(3, "/bin/ls")
    static let busybox = Open(file: file(4), path: "/bin/busybox", format: .static)
    static let script = script(5, "/root/a.sh", interpreter: "/bin/sh")
    static let env = dynamic(6, "/bin/env")

    static func dynamic(_ inode: UInt64, _ path: ByteString) -> Open {
        Open(file: file(inode), path: path, format: .dynamic(interpreter: Array("/lib64/ld.so".utf8)))
    }

    static func script(_ inode: UInt64, _ path: ByteString, interpreter: String) -> Open {
        Open(file: file(inode), path: path, format: .script(interpreter: Array(interpreter.utf8)))
    }

    /// The links of the machine: `/bin/sh` is dash.
    static func locate(_ path: [UInt8]) -> FileIdentity? {
        switch String(decoding: path, as: UTF8.self) {
        case "/bin/sh": file(2)
        case "/lib64/ld.so": file(1)
        case "/bin/env": file(6)
        default: file(99)
        }
    }

    static func run(_ opens: Open...) -> [ExecAssembler.Action] {
        var assembler = ExecAssembler()
        return opens.flatMap { assembler.opened(7, $0, locate: locate) }
    }

    /// As if the process was gone before its interpreter could be looked up.
    static func runBlind(_ opens: Open...) -> [ExecAssembler.Action] {
        var assembler = ExecAssembler()
        return opens.flatMap { assembler.opened(7, $0) { _ in nil } }
    }

    static func execution(_ first: Open, _ image: Open? = nil) -> ExecAssembler.Execution {
        ExecAssembler.Execution(first: first, image: image ?? first)
    }

    @Test("a dynamic program and its linker are one execution")
    func dynamicProgram() {
        #expect(Self.run(Self.ls) == [])
        #expect(Self.run(Self.ls, Self.linker) == [.verify(Self.execution(Self.ls))])
        #expect(Self.runBlind(Self.ls, Self.linker) == [.verify(Self.execution(Self.ls))])
    }

    @Test("all that a process executed before its end is told, though the kernel told its linker only once")
    func endedWithMore() {
        var assembler = ExecAssembler()
        // sh -c 'exec env ls', over before the first open was read: the linker was queued once for all three.
        let programs = [Self.dash, Self.env, Self.ls]
        #expect(assembler.opened(7, programs[0], locate: { _ in nil }) == [])
        #expect(assembler.opened(7, Self.linker, locate: { _ in nil }) == [.verify(Self.execution(programs[0]))])
        #expect(assembler.ended(7) == Self.execution(programs[0]))
        for program in programs[1...] {
            #expect(assembler.opened(7, program, locate: { _ in nil }) == [.verify(Self.execution(program))])
            #expect(assembler.ended(7) == Self.execution(program))
        }
        // A process that has the number later is another.
        assembler.drained()
        #expect(assembler.opened(7, programs[0], locate: { _ in nil }) == [])
    }

    @Test("what is remembered of a storm that never lets the queue get empty is bounded")
    func storm() {
        var assembler = ExecAssembler()
        func execute(_ pid: Int32) {
            _ = assembler.opened(pid, Self.dash, locate: Self.locate)
            _ = assembler.opened(pid, Self.linker, locate: Self.locate)
            _ = assembler.ended(pid)
        }
        execute(1)
        for pid in 2...Int32(8192) { execute(pid) }
        #expect(
            assembler.opened(1, Self.ls, locate: Self.locate) == [.verify(Self.execution(Self.ls))],
            "it may have been queued together")
        _ = assembler.ended(1)
        for pid in 8193...Int32(25_000) { execute(pid) }
        #expect(assembler.opened(2, Self.ls, locate: Self.locate) == [])
    }

    @Test("a static program is complete by itself, and so is the linker when it is run as a program")
    func staticProgram() {
        #expect(Self.run(Self.busybox) == [.verify(Self.execution(Self.busybox))])
        #expect(Self.run(Self.linker) == [.verify(Self.execution(Self.linker))])
    }

    @Test("a script, its interpreter and the linker are one execution, of the interpreter")
    func scriptProgram() {
        let execution = Self.execution(Self.script, Self.dash)
        #expect(execution.isScript)
        #expect(Self.run(Self.script, Self.dash, Self.linker) == [.verify(execution)])
        #expect(Self.runBlind(Self.script, Self.dash, Self.linker) == [.verify(execution)])
    }

    @Test("scripts that interpret scripts are one execution")
    func nested() {
        let outer = Self.script(8, "/root/b", interpreter: "/root/a.sh")
        #expect(
            Self.run(outer, Self.script, Self.dash, Self.linker) == [.verify(Self.execution(outer, Self.dash))])
    }

    @Test("env as interpreter is an execution, and what it executes another")
    func environment() {
        let script = Self.script(9, "/root/c", interpreter: "/bin/env")
        // The second open of the linker was merged with the first.
        #expect(
            Self.run(script, Self.env, Self.linker, Self.dash) == [
                .verify(Self.execution(script, Self.env)), .superseded(Self.execution(script, Self.env)),
                .verify(Self.execution(Self.dash)),
            ])
    }

    @Test("a linker taken for merged that comes after all is no execution of its own")
    func lateLinker() {
        #expect(
            Self.run(Self.dash, Self.linker, Self.ls, Self.linker) == [
                .verify(Self.execution(Self.dash)), .superseded(Self.execution(Self.dash)),
                .verify(Self.execution(Self.ls)),
            ])
    }

    @Test("an interpreter that was merged with an earlier execution of it is found again")
    func mergedInterpreter() {
        #expect(
            Self.run(Self.dash, Self.linker, Self.script) == [
                .verify(Self.execution(Self.dash)), .superseded(Self.execution(Self.dash)),
                .verify(Self.execution(Self.script, Self.dash)),
            ])
    }

    @Test("a script without its interpreter, and a file that is no program, are no executions")
    func failed() {
        let missing = Self.script(10, "/root/d", interpreter: "/nonexistent")
        let text = Open(file: Self.file(11), path: "/root/e", format: .unknown)
        #expect(Self.run(missing, Self.ls, Self.linker) == [.verify(Self.execution(Self.ls))])
        #expect(Self.run(text, Self.ls, Self.linker) == [.verify(Self.execution(Self.ls))])
        #expect(Self.run(Self.ls, Self.dash, Self.linker) == [.verify(Self.execution(Self.dash))])
    }

    @Test("processes do not mix")
    func processes() {
        var assembler = ExecAssembler()
        #expect(assembler.opened(1, Self.ls, locate: Self.locate) == [])
        #expect(assembler.opened(2, Self.linker, locate: Self.locate) == [.verify(Self.execution(Self.linker))])
        #expect(assembler.opened(1, Self.linker, locate: Self.locate) == [.verify(Self.execution(Self.ls))])
    }

    @Test("what was told is not told again when the process goes on or ends")
    func settled() {
        var assembler = ExecAssembler()
        _ = assembler.opened(7, Self.busybox, locate: Self.locate)
        assembler.settle(7)
        #expect(assembler.ended(7) == nil)
        _ = assembler.opened(7, Self.busybox, locate: Self.locate)
        assembler.settle(7)
        #expect(assembler.opened(7, Self.linker, locate: Self.locate) == [.verify(Self.execution(Self.linker))])
    }

    @Test("a process that ended after all its opens has executed, one that ended before has not")
    func ended() {
        var assembler = ExecAssembler()
        _ = assembler.opened(7, Self.ls, locate: Self.locate)
        #expect(assembler.ended(7) == nil)
        _ = assembler.opened(7, Self.ls, locate: Self.locate)
        _ = assembler.opened(7, Self.linker, locate: Self.locate)
        #expect(assembler.ended(7) == Self.execution(Self.ls))
        #expect(assembler.ended(7) == nil)
    }

    @Test("after the queue was empty nothing is taken for merged")
    func drained() {
        var assembler = ExecAssembler()
        _ = assembler.opened(7, Self.dash, locate: Self.locate)
        _ = assembler.opened(7, Self.linker, locate: Self.locate)
        assembler.settle(7)
        assembler.drained()
        #expect(assembler.opened(7, Self.ls, locate: Self.locate) == [])
        #expect(assembler.opened(7, Self.linker, locate: Self.locate) == [.verify(Self.execution(Self.ls))])
    }

    @Test("an interpreter of itself ends, as it does in the kernel")
    func loop() {
        let own = Self.script(12, "/root/f", interpreter: "/root/f")
        #expect(Self.run(own, own, own, own, own, own, own, own).isEmpty)
    }
}
