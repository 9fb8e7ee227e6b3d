/// The text of `io.tocsin.Events`, the single source: what is served is what the code is checked against.
package enum InterfaceText {
    package static var events: [UInt8] { PackageResources.io_tocsin_Events_varlink }
}
