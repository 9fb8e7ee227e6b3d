import Glibc
import TocsinLinux

/// Tells standard error why the program ends, one line. For what happens before there is a logger, or after.
package func complain(_ reason: String) {
    // Copied: the bytes are written with one call, so that lines of several processes do not mix.
    let line = Array("tocsind: \(reason)\n".utf8)
    _ = try? syscall("write") { write(STDERR_FILENO, line, line.count) }
}
