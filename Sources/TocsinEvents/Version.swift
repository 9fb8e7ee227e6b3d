/// The version of daemon, client and command line: they are released together.
package enum Version {
    package static let current = "0.1.0"
}
