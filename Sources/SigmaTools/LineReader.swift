import Glibc

/// Reads a file line by line. Opens and closes it; all unsafe code of this module is here.
enum LineReader {
    /// - Parameter body: gets each line without its newline.
    /// - Returns: why the file could not be read to its end; nil where it was.
    static func forEachLine(of path: String, _ body: ([UInt8]) -> Void) -> String? {
        guard let file = fopen(path, "re") else { return reason(errno) }
        defer { fclose(file) }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        while true {
            let count = getline(&line, &capacity, file)
            guard count >= 0, let line else { return ferror(file) != 0 ? reason(errno) : nil }
            var bytes = Array(UnsafeRawBufferPointer(start: line, count: count))
            if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
            body(bytes)
        }
    }

    private static func reason(_ error: Int32) -> String {
        var buffer = [CChar](repeating: 0, count: 128)
        guard strerror_r(error, &buffer, buffer.count - 1) == 0 else { return "error \(error)" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
