import CSystemd
import Glibc

/// The descriptors that systemd passed: listening sockets of the socket unit, and what the FD store kept. They are told
/// apart by name alone (FileDescriptorName= of the socket unit, FDNAME= of the store).
///
/// Owns the descriptors that nobody has taken, and closes them at its end. They are close-on-exec.
package struct InheritedDescriptors: ~Copyable {
    private var remaining: [(name: String, descriptor: Int32)]

    /// Takes LISTEN_FDS from the environment; the second call of a process finds none. Before other threads read the
    /// environment.
    package init() {
        var names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        // Also checks that LISTEN_PID is this process, and sets close-on-exec.
        let count = sd_listen_fds_with_names(1, &names)
        var remaining: [(String, Int32)] = []
        if count > 0, let names {
            for index in 0..<Int(count) {
                guard let name = names[index] else { break }
                remaining.append((String(cString: name), SD_LISTEN_FDS_START + Int32(index)))
                free(name)
            }
            free(names)
        }
        self.remaining = remaining
    }

    /// For tests.
    init(_ descriptors: [(name: String, descriptor: Int32)]) { remaining = descriptors }

    deinit {
        for (_, descriptor) in remaining { close(descriptor) }
    }

    /// What is left, in the order of the descriptors.
    package var names: [String] { remaining.map(\.name) }

    /// Hands over every descriptor whose name matches; the caller closes them.
    package mutating func take(where matches: (String) -> Bool) -> [(name: String, descriptor: Int32)] {
        let taken = remaining.filter { matches($0.name) }
        remaining.removeAll { matches($0.name) }
        return taken
    }

    /// The listening sockets of `tocsin.socket`; the caller closes them. Other things under that name stay.
    package mutating func takeSockets(named name: String = "varlink") -> [Int32] {
        let sockets = remaining.filter {
            $0.name == name && sd_is_socket_unix($0.descriptor, SOCK_STREAM.type, 1, nil, 0) > 0
        }
        remaining.removeAll { entry in sockets.contains { $0.descriptor == entry.descriptor } }
        return sockets.map(\.descriptor)
    }
}

extension __socket_type {
    fileprivate var type: Int32 { Int32(rawValue) }
}
