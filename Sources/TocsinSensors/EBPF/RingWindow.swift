/// Which part of a ring's data is mapped. Pure: `RingBuffer` maps what this says.
///
/// The kernel has each page of the data twice in a row, so that no record is ever split, and every page that is mapped
/// counts as memory of this process, touched or not. So only a window is mapped, and it follows the reader.
package struct RingWindow: Hashable, Sendable {
    /// Bytes of the data, a power of two, and of a page.
    private let capacity: Int
    private let pageSize: Int
    /// Bytes that are mapped where no record needs more.
    private let length: Int
    /// What is mapped, as offsets into the doubled data; they are multiples of the page size.
    package private(set) var range: Range<Int>

    /// At the record that begins at `start`. `length` is rounded up to pages, and is never more than there is.
    package init(capacity: Int, length: Int, pageSize: Int, at start: Int) {
        self.capacity = capacity
        self.pageSize = pageSize
        self.length = (length + pageSize - 1) / pageSize * pageSize
        range = 0..<0
        _ = move(toCover: start..<start + 1)
    }

    /// Moves, where `wanted` is not within: to where it begins, and as much longer as it needs. Returns whether it
    /// moved.
    ///
    /// - Precondition: `wanted` begins in the first half of the doubled data and is no longer than a half.
    package mutating func move(toCover wanted: Range<Int>) -> Bool {
        if wanted.lowerBound >= range.lowerBound, wanted.upperBound <= range.upperBound { return false }
        precondition(wanted.lowerBound < capacity && wanted.count <= capacity)
        let page = wanted.lowerBound / pageSize * pageSize
        let needed = (wanted.upperBound - page + pageSize - 1) / pageSize * pageSize
        let end = min(page + max(needed, length), 2 * capacity)
        // Where the data end, what is left of the length lies before; so a window as long as the data never moves.
        range = min(page, max(0, end - length))..<end
        return true
    }
}
