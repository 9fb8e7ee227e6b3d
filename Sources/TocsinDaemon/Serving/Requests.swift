import JSON
import TocsinDelivery
import TocsinEvents

// Parameters that the server has compared with the interface's types become requests; what a type cannot say (a
// cursor's form, a user id's range) is checked here and refused as an invalid parameter.

extension OpenRequest {
    init(_ parameters: JSONObject) throws(DeliveryError) {
        self.init(
            filter: try requestedFilter(in: parameters), group: parameters["group"]?.stringValue,
            after: try cursor("after", in: parameters),
            overflow: parameters["overflow"]?.stringValue.flatMap(Overflow.init(rawValue:)))
    }
}

extension ReadRequest {
    init(_ parameters: JSONObject) throws(DeliveryError) {
        self.init()
        guard !parameters.isEmpty else { return }
        timeoutMSec = parameters["timeoutMSec"]?.integerValue
        maxBytes = parameters["maxBytes"]?.integerValue
        allowTruncation = parameters["allowTruncation"]?.booleanValue ?? false
        acknowledge = try cursor("acknowledge", in: parameters)
    }
}

private func cursor(_ name: String, in parameters: JSONObject) throws(DeliveryError) -> Cursor? {
    guard let text = parameters[name]?.stringValue else { return nil }
    guard let cursor = Cursor(text) else { throw .invalidParameter(name: name, reason: "not a cursor") }
    return cursor
}

private func requestedFilter(in parameters: JSONObject) throws(DeliveryError) -> Filter? {
    guard let value = parameters["filter"], !value.isNull else { return nil }
    do {
        return try Filter(json: value)
    } catch {
        throw .invalidParameter(name: "filter.\(error.member)", reason: error.description)
    }
}
