import Glibc

/// The names in a directory, `.` and `..` left out, in the order of the file system. A name that is not UTF-8 is left
/// out too: it has no path as a string.
package func directoryNames(_ path: String) throws(SystemError) -> [String] {
    guard let directory = opendir(path) else { throw SystemError(operation: "open \(path)", code: errno) }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        // A temporary string of the entry's own memory: the declared size of d_name is no bound.
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 1) { String(validatingCString: $0) }
        }
        if let name, name != ".", name != ".." { names.append(name) }
    }
    return names
}
