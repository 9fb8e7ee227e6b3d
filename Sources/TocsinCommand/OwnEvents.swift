package import TocsinEvents

/// The events that watching itself makes: those of this process and of what runs in one pipeline with it. Shown, each
/// line written could cause the next.
package struct OwnEvents: Sendable {
    package var pid: Int32
    package var processGroup: Int32

    package init(pid: Int32, processGroup: Int32) {
        self.pid = pid
        self.processGroup = processGroup
    }

    package func contain(_ event: Event) -> Bool {
        guard let process = event.process else { return false }
        if let processGroup = process.processGroup { return processGroup == self.processGroup }
        // Gone before its group could be read: what is known are the pids around it.
        return process.pid == pid || process.parentPid == pid || event.ancestors.contains { $0.pid == pid }
    }
}
