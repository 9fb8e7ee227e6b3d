import TestKit
import TocsinEvents

extension SeededGenerator {
    /// Any bytes but NUL, or any scalars but NUL, with a liking for what shells and terminals find special.
    mutating func text() -> ByteString {
        let count = Int.random(in: 0...10, using: &self)
        if Bool.random(using: &self) {
            return ByteString((0..<count).map { _ in UInt8.random(in: 1...255, using: &self) })
        }
        let special: [Unicode.Scalar] = ["'", "\\", "\"", "$", "\n", "\u{1B}", "\u{202E}", "\u{301}", "x", "0"]
        let scalars = (0..<count).map { _ -> Unicode.Scalar in
            if Bool.random(using: &self), let scalar = special.randomElement(using: &self) { return scalar }
            return Unicode.Scalar(UInt32.random(in: 1...0x10FFFF, using: &self)) ?? "é"
        }
        return ByteString(String(String.UnicodeScalarView(scalars)))
    }
}
