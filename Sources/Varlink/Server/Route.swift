import JSON

/// Where the calls of a method go. A class: it is looked at for each call, and never copied.
final class Route {
    /// Fully qualified.
    let name: String
    let method: MethodDescription
    let interface: any VarlinkInterface
    let description: InterfaceDescription
    let options: MethodOptions
    private let mayBeCalledWithNothing: Bool

    init(_ method: MethodDescription, of interface: any VarlinkInterface) {
        description = interface.description
        name = "\(description.name).\(method.name)"
        self.method = method
        self.interface = interface
        options = interface.options(of: method.name)
        mayBeCalledWithNothing = description.mismatch(of: JSONObject(), with: method.input) == nil
    }

    func mismatch(of parameters: JSONObject) -> ParameterMismatch? {
        if parameters.isEmpty, mayBeCalledWithNothing { return nil }
        return description.mismatch(of: parameters, with: method.input)
    }
}
