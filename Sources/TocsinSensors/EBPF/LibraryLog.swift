import CLibBPF
import Glibc
import Synchronization

/// What libbpf has to say, kept for the error message; it would print it.
///
/// libbpf has one callback for the process. Two loads at once would mix their texts; nothing does that.
struct LibraryLog {
    /// The verifier's log can be megabytes; its end tells what was wrong.
    private static let limit = 4096
    private static let lines = Mutex<[UInt8]>([])

    /// Starts anew.
    init() {
        Self.lines.withLock { $0 = [] }
        libbpf_set_print { level, format, arguments in
            guard level != LIBBPF_DEBUG, let format, let arguments else { return 0 }
            let text = [UInt8](unsafeUninitializedCapacity: LibraryLog.limit) { buffer, count in
                buffer.withMemoryRebound(to: CChar.self) {
                    let length = Int(vsnprintf($0.baseAddress, $0.count, format, arguments))
                    count = max(0, min(length, $0.count - 1))
                }
            }
            LibraryLog.lines.withLock {
                $0 += text
                if $0.count > LibraryLog.limit { $0.removeFirst($0.count - LibraryLog.limit) }
            }
            return Int32(text.count)
        }
    }

    var text: String { Self.lines.withLock { String(decoding: $0, as: UTF8.self) } }
}
