import Glibc
import TocsinLinux

/// Watches the directories that rules are read from, those below them, and the places where a missing one would appear.
///
/// Owns an inotify instance. Made anew before each load, so that a change during the load is seen by the new one.
struct RuleWatch: ~Copyable {
    let inotify: Inotify
    private var interests: [Int32: Interest] = [:]
    /// What could not be watched; a change there is not noticed before the next reload.
    private(set) var failures: [SystemError] = []

    /// What matters in one directory.
    private struct Interest {
        var holdsRules = false
        var names: Set<[UInt8]> = []
    }

    /// Directories in all; each costs the kernel about 1 KiB.
    private static let limit = 1024
    private static let greatestDepth = 32
    private static let mask: Inotify.Mask = [
        .create, .closeWrite, .attributes, .delete, .movedFrom, .movedTo, .selfGone,
    ]

    init(_ paths: [String]) throws(SystemError) {
        inotify = try Inotify()
        for path in paths {
            watchAppearance(of: path)
            watchRules(path, depth: 0)
        }
    }

    /// Takes what has happened. True where it can have changed the rules.
    func takeChanges() -> Bool {
        var isRelevant = false
        while true {
            // What cannot be read cannot be judged; a reload makes a new watch.
            guard let events = try? inotify.read() else { return true }
            if events.isEmpty { return isRelevant }
            // Not `contains(where:)`: the closure would capture a value that cannot be copied.
            for event in events where concernsRules(event) { isRelevant = true }
        }
    }

    private func concernsRules(_ event: Inotify.Event) -> Bool {
        if event.mask.contains(.overflow) { return true }
        guard let interest = interests[event.watch] else { return false }
        if event.name.isEmpty {
            return interest.holdsRules || !event.mask.isDisjoint(with: [.selfGone, .ignored])
        }
        if interest.names.contains(event.name) { return true }
        guard interest.holdsRules else { return false }
        // Editors' own files are no rules; `..data` is how containers get a directory replaced as a whole.
        if event.name.starts(with: "..".utf8) { return true }
        if event.name.first == UInt8(ascii: ".") { return false }
        return event.mask.contains(.isDirectory) || event.name.hasSuffix(".yml") || event.name.hasSuffix(".yaml")
    }

    /// Watches the nearest directory above that exists for the next name on the way.
    private mutating func watchAppearance(of path: String) {
        var names = path.split(separator: "/").map(String.init)
        let depth = names.count - 1
        // The directory itself may be replaced, so at least its parent is watched.
        guard var name = names.popLast() else { return }
        while true {
            let directory = "/" + names.joined(separator: "/")
            do throws(SystemError) {
                let number = try inotify.watch(directory, Self.mask)
                interests[number, default: Interest()].names.insert(Array(name.utf8))
                // What appeared just before this watch did not tell.
                let isMissing = (try? FileStatus.of("\(directory)/\(name)")) == nil
                if isMissing || depth == names.count { return }
                return watchAppearance(of: path)
            } catch {
                guard error.isGone, let next = names.popLast() else { return failures.append(error) }
                name = next
            }
        }
    }

    private mutating func watchRules(_ directory: String, depth: Int) {
        guard depth <= Self.greatestDepth, interests.count < Self.limit else {
            return failures.append(SystemError(operation: "watch \(directory)", code: ENOSPC))
        }
        do throws(SystemError) {
            let number = try inotify.watch(directory, Self.mask)
            interests[number, default: Interest()].holdsRules = true
        } catch {
            // A file that stands for a directory is watched by its name.
            if !error.isGone, error.code != ENOTDIR { failures.append(error) }
            return
        }
        for name in (try? directoryNames(directory)) ?? [] where !name.hasPrefix(".") {
            let path = "\(directory)/\(name)"
            guard let status = try? FileStatus.of(path, followingLinks: false), status.isDirectory else { continue }
            watchRules(path, depth: depth + 1)
        }
    }
}

extension [UInt8] {
    fileprivate func hasSuffix(_ suffix: String) -> Bool { self.suffix(suffix.utf8.count).elementsEqual(suffix.utf8) }
}
