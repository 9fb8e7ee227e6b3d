import Glibc

/// Rules and events of others that are not part of the repository, with the matches that two independent
/// implementations agree on.
package enum SigmaOracle {
    /// `SIGMA_ORACLE`, else `shared/sigma` beside the checkout or beside a directory above it; nil where it is not
    /// there.
    package static let path: String? = {
        if let path = getenv("SIGMA_ORACLE") { return String(cString: path) }
        var directory = #filePath.split(separator: "/").dropLast(4)
        while !directory.isEmpty {
            directory.removeLast()
            let path = "/" + (directory + ["shared", "sigma"]).joined(separator: "/")
            if access(path + "/events.jsonl", R_OK) == 0 { return path }
        }
        return nil
    }()
}
