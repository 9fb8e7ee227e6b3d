import Glibc
import TestKit
import Testing
import TocsinEvents
import TocsinLinux
import TocsinSensors

/// Programs in memory, of which fanotify reports their linker's open or nothing; and the linker as a program.
@Suite(.enabled(if: geteuid() == 0, "fanotify needs root"), .serialized)
struct FanotifyMemoryTests {
    @Test(
        "a program in memory is told by the linker that it needs",
        .enabled(if: (try? FileStatus.of("/usr/bin/python3")) != nil, "needs python3"))
    func memory() throws {
        let directory = try TemporaryDirectory()
        let script = try directory.write(
            "memory.py",
            """
            import os
            fd = os.memfd_create("hidden", 0)
            os.write(fd, open("/bin/cat", "rb").read())
            os.execv("/proc/self/fd/%d" % fd, ["innocent"])
            """)
        let runner = try FanotifySourceTests.runner()
        defer { runner.finish() }
        let child = try Child(["/usr/bin/python3", script])
        let pid = child.pid
        let process = try runner.wait("memory") { $0.execs(of: pid).contains { $0.flags == [.memfd] } }.execs(of: pid)
            .last
        #expect(process?.executable == "/memfd:hidden")
        #expect(process?.arguments == ["innocent"])
        child.end()
    }

    @Test(
        "a program that is executed by the linker is told, however far behind the reader is when it goes on to another")
    func linkerAsProgram() throws {
        let directory = try TemporaryDirectory()
        let fifo = "\(directory.path)/fifo"
        try #require(mkfifo(fifo, 0o600) == 0)
        let source = FanotifySource(reader: try ProcessReader())
        try source.open()
        // More than the reader takes at a time are told of between the two.
        let linker = try FanotifySourceTests.linkerPath()
        let work = "i=0; while [ $i -lt 200 ]; do i=$((i + 1)); /bin/true; done; exec /bin/cat '\(fifo)'"
        let child = try Child([linker, "/bin/sh", "-c", work])
        let pid = child.pid
        // Until cat opens it as well.
        let writer = try FileDescriptor.open(fifo, flags: O_WRONLY)
        let runner = try SourceRunner(adopting: source)
        defer { runner.finish() }
        let execs = try runner.wait("exec of cat") {
            $0.execs(of: pid).last?.executable?.lastComponent.elementsEqual("cat".utf8) == true
        }.execs(of: pid)
        let names = try [FanotifySourceTests.resolved(linker), FanotifySourceTests.resolved("/bin/cat")]
        #expect(execs.compactMap { $0.executable?.lastComponent } == names)
        _ = consume writer
        child.end()
    }

    @Test(
        "a program that goes on at once to one in memory, and that to the next, without end, is told",
        .enabled(if: (try? FileStatus.of("/usr/bin/python3")) != nil, "needs python3"),
        .enabled(if: (try? FileStatus.of("/usr/bin/cc")) != nil, "needs a C compiler"))
    func memoryWithoutEnd() throws {
        let directory = try TemporaryDirectory()
        // Static: nothing is reported of it when it is in memory, not even a linker.
        let source = try directory.write(
            "restless.c",
            """
            #include <unistd.h>
            int main(int count, char **arguments) {
                char *next[] = {arguments[0], count == 2 ? "100" : "101", count == 2 ? "" : 0, 0};
                char path[] = "/proc/self/fd/100";
                path[16] = count == 2 ? '0' : '1';
                return execve(path, next, 0);
            }
            """)
        let program = "\(directory.path)/restless"
        try shell("cc -static -o \(program) \(source)")
        let script = try directory.write(
            "memory.py",
            """
            import os, time
            program = "\(program)"
            for target in (100, 101):
                os.dup2(os.memfd_create("hidden"), target)
                os.write(target, open(program, "rb").read())
            time.sleep(0.03)
            os.nice(10)
            os.execv(program, ["innocent", ""])
            """)
        let runner = try FanotifySourceTests.runner()
        defer { runner.finish() }
        // A program that waits for a processor executes nothing new either.
        let busy = try (0..<sysconf(Int32(_SC_NPROCESSORS_ONLN))).map { _ in
            try ChildProcess(["/bin/sh", "-c", "while :; do :; done"], output: STDOUT_FILENO, errors: STDERR_FILENO)
        }
        defer { withExtendedLifetime(busy) {} }
        for _ in 0..<6 {
            let child = try Child(["/usr/bin/python3", script])
            let pid = child.pid
            defer { kill(pid, SIGKILL) }
            try runner.wait("the program on disk") {
                $0.execs(of: pid).contains { $0.executable == ByteString(program) }
            }
            kill(pid, SIGKILL)
            child.end()
        }
    }

    @Test(
        "a program in memory that fails to execute a static one is told, and not what it failed to execute",
        .enabled(if: (try? FileStatus.of("/usr/bin/python3")) != nil, "needs python3"),
        .enabled(if: (try? FileStatus.of("/usr/bin/cc")) != nil, "needs a C compiler"))
    func failingInMemory() throws {
        let directory = try TemporaryDirectory()
        let program = "\(directory.path)/program"
        // The file is opened before its arguments are found to be nowhere.
        let source = try directory.write(
            "program.c",
            """
            #include <unistd.h>
            int main(void) {
                usleep(100000);
                execve("\(program)", (char **)1, 0);
                for (;;) pause();
            }
            """)
        try shell("cc -static -o \(program) \(source)")
        let script = try directory.write(
            "memory.py",
            """
            import os
            fd = os.memfd_create("hidden", 0)
            os.write(fd, open("\(program)", "rb").read())
            os.execv("/proc/self/fd/%d" % fd, ["innocent"])
            """)
        let runner = try FanotifySourceTests.runner()
        defer { runner.finish() }
        let child = try Child(["/usr/bin/python3", script])
        let pid = child.pid
        defer { kill(pid, SIGKILL) }
        let execs = try runner.wait("memory") { $0.execs(of: pid).count == 2 }.execs(of: pid)
        #expect(execs.last?.executable == "/memfd:hidden")
        #expect(execs.last?.arguments == ["innocent"])
        kill(pid, SIGKILL)
        child.end()
    }

    @Test(
        "a program whose first thread has ended, and whose others go on, is told",
        .enabled(if: (try? FileStatus.of("/usr/bin/cc")) != nil, "needs a C compiler"))
    func withoutFirstThread() throws {
        let directory = try TemporaryDirectory()
        let source = try directory.write(
            "headless.c",
            """
            #include <pthread.h>
            #include <unistd.h>
            static void *work(void *none) { for (;;) pause(); return none; }
            int main(void) {
                pthread_t thread;
                if (pthread_create(&thread, 0, work, 0)) return 1;
                pthread_exit(0);
            }
            """)
        let program = "\(directory.path)/headless"
        try shell("cc -static -pthread -o \(program) \(source)")
        let reading = FanotifySource(reader: try ProcessReader())
        try reading.open()
        let child = try Child([program])
        let pid = child.pid
        defer { kill(pid, SIGKILL) }
        // The reader begins when the first thread has ended.
        let process = try ProcDirectory(pid: pid)
        while try !process.stat().isZombie { usleep(1000) }
        let runner = try SourceRunner(adopting: reading)
        defer { runner.finish() }
        let execs = try runner.wait("exec") { !$0.execs(of: pid).isEmpty }.execs(of: pid)
        #expect(execs.map(\.executable) == [ByteString(program)])
        kill(pid, SIGKILL)
        child.end()
    }

    @Test(
        "a program in memory that slowly executes another by a thread beside its first is told as that one",
        .enabled(if: (try? FileStatus.of("/usr/bin/python3")) != nil, "needs python3"),
        .enabled(if: (try? FileStatus.of("/usr/bin/cc")) != nil, "needs a C compiler"))
    func slowThread() throws {
        let directory = try TemporaryDirectory()
        let program = "\(directory.path)/program"
        let source = try directory.write(
            "program.c",
            """
            #include <pthread.h>
            #include <string.h>
            #include <sys/resource.h>
            #include <unistd.h>
            static char *many[48];
            static void *work(void *none) {
                static char text[125000];
                memset(text, 'x', sizeof text - 1);
                for (int i = 0; i < 47; i++) many[i] = text;
                usleep(100000);
                execve("\(program)", many, 0);
                return none;
            }
            int main(int count, char **arguments) {
                pthread_t thread;
                if (count > 2) for (;;) pause();
                (void)arguments;
                if (pthread_create(&thread, 0, work, 0)) return 1;
                for (;;) pause();
            }
            """)
        try shell("cc -static -pthread -o \(program) \(source)")
        let script = try directory.write(
            "memory.py",
            """
            import os, resource
            resource.setrlimit(resource.RLIMIT_STACK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            fd = os.memfd_create("hidden", 0)
            os.write(fd, open("\(program)", "rb").read())
            os.execv("/proc/self/fd/%d" % fd, ["innocent"])
            """)
        let runner = try FanotifySourceTests.runner()
        defer { runner.finish() }
        for _ in 0..<4 {
            let child = try Child(["/usr/bin/python3", script])
            let pid = child.pid
            defer { kill(pid, SIGKILL) }
            try runner.wait("the program on disk") {
                $0.execs(of: pid).contains { $0.executable == ByteString(program) }
            }
            kill(pid, SIGKILL)
            child.end()
        }
    }

    @Test("the dynamic linker run as a program is an event, and what it loads is not")
    func linker() throws {
        let linker = try FanotifySourceTests.linkerPath()
        let runner = try FanotifySourceTests.runner()
        defer { runner.finish() }
        let child = try Child([linker, "/bin/cat"])
        let pid = child.pid
        let process = try #require(try runner.wait("exec") { !$0.execs(of: pid).isEmpty }.execs(of: pid).first)
        #expect(process.executableInode == (try FileStatus.of(linker).identity.inode))
        #expect(process.arguments?.map(\.string) == [linker, "/bin/cat"])
        child.end()
        try FanotifySourceTests.settle(runner)
        #expect(runner.records.execs(of: pid).count == 1)
    }
}
