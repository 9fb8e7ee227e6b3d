import Sigma
import TocsinLinux
import TocsinRules

/// Reads rules, and the names of users, from files.
enum RuleReading {
    private static let passwdLimit = 4 << 20

    /// A rule that is refused is left out. Fails, so that the old set stays, where a directory is there and cannot be
    /// read; one that is not there has no rules.
    static func load(_ directories: [String]) throws(SystemError) -> LoadedRules {
        var collection = RuleCollection()
        for directory in directories {
            do throws(SystemError) {
                _ = try FileDescriptor.open(directory).status()
                // Who writes a rule of root's daemon decides what it does not see.
                collection.add(path: directory) { owner, group, mode in
                    UserDatabase.isRoot ? RootOwnership.objection(owner: owner, group: group, mode: mode) : nil
                }
            } catch {
                if !error.isGone { throw error }
            }
        }
        return LoadedRules(collection, users: userNames())
    }

    private static func userNames() -> UserNames {
        let text = try? FileDescriptor.open("/etc/passwd").readToEnd(limit: passwdLimit, hint: 16 << 10)
        return text.map(UserNames.init(passwd:)) ?? UserNames()
    }
}
