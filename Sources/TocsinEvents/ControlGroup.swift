extension Process {
    /// The control group of a process, and what its path says.
    public struct ControlGroup: Hashable, Sendable {
        /// In the cgroup v2 hierarchy.
        public var path: ByteString?
        /// systemd unit, as in `nginx.service`.
        public var unit: String?
        /// Container id, as the runtime names it.
        public var container: String?

        public init(path: ByteString? = nil, unit: String? = nil, container: String? = nil) {
            self.path = path
            self.unit = unit
            self.container = container
        }
    }
}

extension Process.Members {
    /// Nothing in it where nothing is known.
    public var controlGroup: Process.ControlGroup {
        get { sharedGroup?.value ?? Process.ControlGroup() }
        set { sharedGroup = newValue == Process.ControlGroup() ? nil : Shared(newValue) }
    }

    public var cgroup: ByteString? {
        get { sharedGroup?.value.path }
        set { controlGroup.path = newValue }
    }
    public var unit: String? {
        get { sharedGroup?.value.unit }
        set { controlGroup.unit = newValue }
    }
    public var container: String? {
        get { sharedGroup?.value.container }
        set { controlGroup.container = newValue }
    }
}
