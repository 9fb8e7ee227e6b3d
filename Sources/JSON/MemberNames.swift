/// The member names of one object so far, none of which may come twice.
struct MemberNames {
    private let first: Int
    /// So many more are compared one by one; then a set finds duplicates, because comparing all pairs would be
    /// quadratic.
    private var linear = 32
    /// One bit for each, by length, first and last byte: a name whose bit is not set is a new one.
    private var marks: UInt64 = 0
    private var texts: Set<String> = []

    /// - Parameter first: Place of the first name.
    init(first: Int) { self.first = first }

    /// Whether a name, which is the last place, is a new one.
    @inline(__always)
    mutating func insert(
        _ name: Int, isPlain: Bool, _ bytes: UnsafeBufferPointer<UInt8>, _ places: borrowing PlaceList
    ) -> Bool {
        guard isPlain, linear > 0 else { return insertText(name, bytes, places) }
        linear &-= 1
        let place = places[name]
        let spread =
            place.length &* 7 &+ Int(bytes[Int(place.start) &+ 1]) &* 5 &+ Int(bytes[Int(place.end) &- 2])
        let mark: UInt64 = 1 &<< UInt64(truncatingIfNeeded: spread)
        defer { marks |= mark }
        return marks & mark == 0 || isNew(name, bytes, places)
    }

    @inline(never)
    private func isNew(
        _ name: Int, _ bytes: UnsafeBufferPointer<UInt8>, _ places: borrowing PlaceList
    ) -> Bool {
        let written = Self.written(places[name], bytes)
        var earlier = first
        while earlier < name {
            if Self.written(places[earlier], bytes).isSame(as: written) { return false }
            earlier = Int(places[earlier + 1].next)
        }
        return true
    }

    /// Once there are many, or one of which what is written is not what it means: two names may be spelt differently
    /// and be the same, also as Unicode's canonical equivalence has it.
    @inline(never)
    private mutating func insertText(
        _ name: Int, _ bytes: UnsafeBufferPointer<UInt8>, _ places: borrowing PlaceList
    ) -> Bool {
        linear = 0
        var earlier = texts.isEmpty ? first : name
        while earlier < name {
            texts.insert(JSONText.string(at: places[earlier], of: bytes))
            earlier = Int(places[earlier + 1].next)
        }
        return texts.insert(JSONText.string(at: places[name], of: bytes)).inserted
    }

    private static func written(
        _ place: JSONScanner.Place, _ bytes: UnsafeBufferPointer<UInt8>
    ) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(rebasing: bytes[Int(place.start)..<Int(place.end)])
    }
}
