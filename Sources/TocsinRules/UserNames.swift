/// Names of users as passwd(5) has them, read when the rules are loaded.
///
/// Not NSS: a name service may ask the network, and an event must not wait for it. A user that only such a service
/// knows is called by its number.
package struct UserNames: Sendable {
    private var names: [UInt32: [UInt8]] = [:]

    /// What is beyond has numbers only.
    package static let limit = 65_536

    package init() {}

    /// - Parameter passwd: content of /etc/passwd. Lines that are none are passed over; of two users with one number
    ///   the
    ///   first counts, as with getpwuid(3).
    package init(passwd: [UInt8]) {
        for line in passwd.split(separator: UInt8(ascii: "\n")) where names.count < Self.limit {
            let fields = line.split(separator: UInt8(ascii: ":"), maxSplits: 3, omittingEmptySubsequences: false)
            guard fields.count == 4, !fields[0].isEmpty, let uid = UInt32(String(decoding: fields[2], as: UTF8.self)),
                names[uid] == nil
            else { continue }
            names[uid] = Array(fields[0])
        }
    }

    package subscript(_ uid: UInt32) -> [UInt8] { names[uid] ?? Array(String(uid).utf8) }
}
