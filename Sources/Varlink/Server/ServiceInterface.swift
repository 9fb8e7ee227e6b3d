import JSON

/// `org.varlink.service`: who the service is, and the text of its interfaces.
final class ServiceInterface: VarlinkInterface {
    let description: InterfaceDescription
    private let information: ServiceInformation
    private var interfaces: [InterfaceDescription]

    init(information: ServiceInformation, interfaces: [InterfaceDescription]) throws(InterfaceError) {
        description = try InterfaceDescription(parsing: PackageResources.org_varlink_service_varlink)
        self.information = information
        self.interfaces = [description] + interfaces
    }

    func call(_ call: ServerCall) {
        switch call.method {
        case "GetInfo":
            call.reply { writer in
                writer.member("vendor", information.vendor)
                writer.member("product", information.product)
                writer.member("version", information.version)
                writer.member("url", information.url)
                writer.member("interfaces", interfaces.map(\.name))
            }
        case "GetInterfaceDescription":
            let name = call.parameters["interface"]?.stringValue ?? ""
            guard let interface = interfaces.first(where: { $0.name == name }) else {
                return call.fail(.interfaceNotFound(name))
            }
            call.reply { $0.member("description", interface.text) }
        default:
            call.fail(.methodNotImplemented("\(description.name).\(call.method)"))
        }
    }
}
