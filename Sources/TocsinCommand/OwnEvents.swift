package import JSON

/// The events that watching itself makes: those of this process and of what runs in one pipeline with it. Shown, each
/// line written could cause the next.
package struct OwnEvents: Sendable {
    package var pid: Int32
    package var processGroup: Int32

    package init(pid: Int32, processGroup: Int32) {
        self.pid = pid
        self.processGroup = processGroup
    }

    /// - Parameter event: As the daemon wrote it.
    package func contain(_ event: JSONText) -> Bool {
        guard let process = event["process"] else { return false }
        if let group = process["processGroup"]?.integerValue { return group == Int64(processGroup) }
        // Gone before its group could be read: what is known are the pids around it.
        let ancestors = event["ancestors"]?.elements?.map { $0["pid"] } ?? []
        return ([process["pid"], process["parentPid"]] + ancestors).contains { $0?.integerValue == Int64(pid) }
    }
}
