/// A value in memory that copies share; a change makes another. For what is large and goes through many hands.
public struct Shared<Value: Hashable & Sendable>: Sendable {
    @usableFromInline var box: Box

    @usableFromInline
    final class Box: Sendable {
        @usableFromInline let value: Value

        @inlinable init(_ value: consuming Value) { self.value = value }
    }

    @inlinable public init(_ value: consuming Value) { box = Box(value) }

    @inlinable public var value: Value {
        get { box.value }
        set { box = Box(newValue) }
    }
}

extension Shared: Hashable {
    public static func == (left: Shared, right: Shared) -> Bool {
        left.box === right.box || left.box.value == right.box.value
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(box.value) }
}

/// As the value: that it is shared is nobody's business.
extension Shared: CustomStringConvertible, CustomReflectable {
    public var description: String { String(describing: value) }
    public var customMirror: Mirror { Mirror(reflecting: value) }
}
