/// Places in memory that grows. An array would ask before each whether it is the only owner; here nobody else can be.
struct PlaceList: ~Copyable {
    private var start: UnsafeMutablePointer<JSONScanner.Place>?
    private var capacity = 0
    private(set) var count = 0

    deinit { start?.deallocate() }

    var array: [JSONScanner.Place] { Array(UnsafeBufferPointer(start: start, count: count)) }

    @inline(__always)
    mutating func append(_ place: JSONScanner.Place) {
        if count == capacity { reserve(max(16, 2 * capacity)) }
        start.unsafelyUnwrapped[count] = place
        count &+= 1
    }

    subscript(_ index: Int) -> JSONScanner.Place {
        @inline(__always) get { start.unsafelyUnwrapped[index] }
    }

    /// All places behind it are parts of this one.
    @inline(__always)
    mutating func complete(_ container: Int, end: UInt32) {
        start.unsafelyUnwrapped[container].end = end
        start.unsafelyUnwrapped[container].next = UInt32(truncatingIfNeeded: count)
    }

    /// Room for so many in all.
    mutating func reserve(_ larger: Int) {
        guard larger > capacity else { return }
        let new = UnsafeMutablePointer<JSONScanner.Place>.allocate(capacity: larger)
        if let start { new.moveInitialize(from: start, count: count) }
        start?.deallocate()
        (start, capacity) = (new, larger)
    }
}
